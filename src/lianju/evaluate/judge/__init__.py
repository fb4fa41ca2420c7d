"""The judge: a language model behind an OpenAI-style endpoint gives its opinion on poems.

It is asked which of two poems is better, never about form, or the homework's two questions.
Every answer is kept as it comes, so an interrupted run goes on where it stopped, and what was
answered once is never paid for again. Poems reach it as quoted data, and its answers count only
where they can be read strictly.
"""

from lianju.evaluate.judge.asking import Judge, Question
from lianju.evaluate.judge.homework import HomeworkResult, homework_questions, judge_homework
from lianju.evaluate.judge.pairwise import PairwiseResult, judge_pairs, pair_questions

__all__ = [
    "HomeworkResult",
    "Judge",
    "PairwiseResult",
    "Question",
    "homework_questions",
    "judge_homework",
    "judge_pairs",
    "pair_questions",
]
