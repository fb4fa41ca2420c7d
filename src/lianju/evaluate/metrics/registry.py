"""Every metric with its version, formula, source and limits; docs/evaluation.md shows them.

A change that can change a number raises the version; reports of two versions are not compared.
`limits` goes on after "it cannot tell".
"""

from lianju.evaluate.schema import Metric

_WANG = "Rules after Wang Li 王力, 漢語詩律學 (1958) and 詩詞格律 (1977); rhyme groups of 平水韻"
# An oblique rhyme opens old-style verse 古體: no rule of regulated verse can be kept after it.
_FAIR = "The couplet's own faults do not count; couplets with an oblique rhyme are left out"
_HALVES = (
    "the mean over 20 random halves of the couplets, measured 25 poems at a time (or 0.7 times the "
    "couplets of a half, where those are fewer), each poem cut to its first 10 Han characters"
)
_SCORED = "punctuation counted among the characters, the stop token among what is predicted"

_FORM = (
    Metric(
        name="shape",
        version=1,
        title="Right shape",
        chinese="合式",
        better="more",
        unit="share",
        formula="Poems that ended by themselves, with 4 or 8 lines in all, each of the couplet's "
        "own 5 or 7 Han characters and one punctuation mark, over all poems.",
        source="The homework's question of format, made exact: lianju.verse.shape_of",
        limits="whether the poem rhymes, scans or means anything.",
    ),
    Metric(
        name="rhyme",
        version=2,
        title="Right rhyme",
        chinese="押韻",
        better="more",
        unit="share",
        formula="Poems of right shape whose rhymes, the couplet's among them, are all level, of "
        f"one rhyme group and different words, over all poems. {_FAIR}.",
        source=_WANG,
        limits="whether a rhyme is forced; of a character with several readings it takes "
        "any that poets used and that fits. Poets of old-style verse 古體 break these rules on "
        "purpose.",
    ),
    Metric(
        name="tone",
        version=2,
        title="Right tones",
        chinese="平仄",
        better="more",
        unit="share",
        formula="Poems of right shape in whose written lines no character but a rhyme is off the "
        f"metre and every line is opposed 對 or linked 粘 as it must be, over all poems. {_FAIR}.",
        source=_WANG,
        limits="how far off a poem is: one wrong tone counts as much as twenty. Poets of "
        "old-style verse 古體 break these rules on purpose.",
    ),
    Metric(
        name="full",
        version=2,
        title="All rules kept",
        chinese="全合",
        better="more",
        unit="share",
        formula=f"Poems of right shape, rhyme and tones, over all poems. {_FAIR}.",
        source=_WANG,
        limits="whether the poem means anything: random characters under the rules score 100%, "
        "and the poets do not.",
    ),
    Metric(
        name="tone_share",
        version=2,
        title="Characters in metre",
        chinese="合律字",
        better="more",
        unit="share",
        formula="1 − (characters on which a fault of tone stands) / (characters written), the "
        "mean over poems of right shape. A break between two lines stands on the second character "
        f"of the latter. {_FAIR}.",
        source=_WANG,
        limits="anything of poems of wrong shape, which have no metre and are left out; nor what "
        "chance would give: the lines are fitted so that they have the fewest faults.",
    ),
    Metric(
        name="parallel",
        version=2,
        title="Parallel couplets",
        chinese="對仗",
        better="more",
        unit="share",
        formula="Of lines 3–4 and 5–6 of a poem of eight lines, the share that are parallel, the "
        "mean over such poems. A couplet is parallel if the mean over its places of "
        "log((n + r) / (e + 1)) is at least 0.05: n is how often the two characters face each "
        "other in the middle couplets of 17,533 Tang poems, e how often they would by chance, r "
        "an estimate by a factorisation of rank 40. The table of these is cut down to rank 32; a "
        "character facing itself is log 0.1, one seen fewer than 20 times 0.",
        source="lianju.verse.parallel. Pointwise mutual information: Church and Hanks, "
        "Computational Linguistics 16 (1990); Greenacre, Correspondence Analysis (1984)",
        limits="whether a couplet is good: it counts characters, not words or grammar. On poems "
        "that it was not built on, 90% of the poets' middle couplets pass, and so do 16% of pairs "
        "of lines from two poems with like tones and 12% of random characters in tone; the poets' "
        "own mark is 0.90, not 1.",
    ),
)

_TRUTH = (
    Metric(
        name="loss",
        version=1,
        title="Loss on the real poem",
        chinese="原詩損失",
        better="less",
        unit="nats",
        formula="−(log-probability of the real continuation after the couplet) / (its characters), "
        f"the mean over couplets, natural logarithm; {_SCORED}.",
        source="Cross-entropy; a character, not a token, is the unit, so that vocabularies compare",
        limits="how well the model writes, nor whether it knows a poem by heart: see the test for "
        "contamination.",
    ),
    Metric(
        name="perplexity",
        version=1,
        title="Perplexity a character",
        chinese="每字困惑度",
        better="less",
        unit="number",
        formula="exp(loss).",
        source="Jelinek, Mercer, Bahl and Baker, J. Acoust. Soc. Am. 62 (1977)",
        limits="more than the loss, of which it is another spelling.",
    ),
    Metric(
        name="rank",
        version=1,
        title="Rank of the real poem",
        chinese="原詩名次",
        better="less",
        unit="number",
        formula="The place of the real continuation among itself and 99 of other poems of the same "
        "form, by log-probability a character after the couplet; 1 is the likeliest, chance gives "
        "50.5. The mean over couplets.",
        source="Retrieval among distractors; poems are chosen by digest, the same for every model",
        limits="how well the model writes: to find the right rhyme group is often enough. Nor "
        "whether it knows the poem by heart.",
    ),
    Metric(
        name="recall_f1",
        version=1,
        title="Characters of the real poem",
        chinese="與原詩同字",
        better="neither",
        unit="share",
        formula="2 · shared / (written + real), in Han characters in whatever order, variants "
        "folded; the mean over poems.",
        source="F1 over a bag of characters",
        limits="quality: a second poet would not write the first one's characters either. High "
        "values are a sign that the poem was known.",
    ),
    Metric(
        name="recall_chrf",
        version=1,
        title="Runs of the real poem",
        chinese="與原詩同字串",
        better="neither",
        unit="share",
        formula="chrF2: 5PR / (4P + R) with P and R the mean precision and recall of runs of 1 to "
        "6 Han characters, variants folded; the mean over poems.",
        source="Popović, chrF, WMT 2015; equal to sacreBLEU 2.6's sentence score / 100",
        limits="quality, as the recall of characters cannot.",
    ),
)

_COPYING = (
    Metric(
        name="known_lines",
        version=1,
        title="Known lines",
        chinese="成句",
        better="less",
        unit="share",
        formula="Lines written that stand word for word, variants folded, as a line of one of the "
        "57,607 poems of the large corpus, those of the couplet said again left out / lines "
        "written, the mean over poems with any.",
        source="lianju.corpus.known_lines",
        limits="whether a line was copied or found again; nor does it see lines of poems that are "
        "not in the corpus, or changed by one character. Nothing is said of the poets, "
        "whose lines are all known.",
    ),
    Metric(
        name="longest_run",
        version=1,
        title="Longest known run",
        chinese="最長相同",
        better="less",
        unit="number",
        formula="The most Han characters on end, across lines too, that stand so in one poem of "
        "the large corpus, variants folded; the mean over poems.",
        source="Longest common substring; Karp, Miller and Rosenberg, STOC 1972",
        limits="whether the run was copied: most of the poets' own poems share three "
        "characters on end with another poem, and random characters have 2.3.",
    ),
)

_VARIETY = (
    Metric(
        name="distinct_1",
        version=1,
        title="Different characters",
        chinese="相異字",
        better="more",
        unit="share",
        formula=f"Different characters / all characters: {_HALVES}.",
        source="Li et al., NAACL 2016 (distinct-n)",
        limits="whether variety has a sense: random characters have the most. Compares only on the "
        "same couplets and with the same number of poems.",
    ),
    Metric(
        name="distinct_2",
        version=1,
        title="Different pairs",
        chinese="相異二字組",
        better="more",
        unit="share",
        formula=f"Different pairs of neighbouring characters / all pairs: {_HALVES}.",
        source="Li et al., NAACL 2016 (distinct-n); over pairs, where they divide by tokens",
        limits="whether variety has a sense: random characters have the most. Compares only on the "
        "same couplets and with the same number of poems.",
    ),
    Metric(
        name="self_bleu",
        version=1,
        title="Likeness to each other",
        chinese="彼此相似",
        better="less",
        unit="number",
        formula="BLEU-4 on characters of each poem with the others as references, a precision of "
        f"no match taken as 0.1 matches, the mean over poems: {_HALVES}.",
        source="Zhu et al., Texygen, SIGIR 2018; smoothing 1 of Chen and Cherry, WMT 2014; equal "
        "to NLTK's",
        limits="whether poems that share no words say the same. Grows with the number of poems.",
    ),
    Metric(
        name="compression",
        version=1,
        title="Compression",
        chinese="壓縮比",
        better="less",
        unit="number",
        formula=f"Bytes of the poems, one a line, in UTF-8 / bytes packed by zlib at 9: {_HALVES}.",
        source="Shaib et al., Standardizing the Measurement of Text Diversity, 2024",
        limits="what repeats. Chinese in UTF-8 packs to less even without repetition, and 1 is not "
        "reached.",
    ),
    Metric(
        name="collapse",
        version=1,
        title="Most common opening",
        chinese="最常見開頭",
        better="less",
        unit="share",
        formula="Poems that begin with the two Han characters with which most poems begin, over "
        "all poems.",
        source="lianju; the homework's decoding begins most poems with 不知",
        limits="how poems go on. It is never below one poem of all, so few poems look collapsed.",
    ),
)

_WRITING = (
    Metric(
        name="lines",
        version=1,
        title="Lines",
        chinese="句數",
        better="neither",
        unit="number",
        formula="Lines written, the mean over poems.",
        source="lianju.verse.lines_of",
        limits="whether they are the right number: see the shape.",
    ),
    Metric(
        name="characters",
        version=1,
        title="Characters",
        chinese="字數",
        better="neither",
        unit="number",
        formula="Han characters written, the mean over poems.",
        source="The ideographs of Unicode 16: lianju.verse.is_han",
        limits="whether they are the right number: see the shape.",
    ),
    Metric(
        name="outside",
        version=1,
        title="Characters outside the corpus",
        chinese="唐詩未見字",
        better="less",
        unit="share",
        formula="Han characters that no poem of the large corpus has / Han characters written, the "
        "mean over poems with any.",
        source="57,607 poems of chinese-poetry 2.0.1, as they are spelled there",
        limits="whether a word is of its time: modern words are written in old characters.",
    ),
    Metric(
        name="simplified",
        version=1,
        title="Simplified characters",
        chinese="簡體字",
        better="less",
        unit="share",
        formula="Unmistakably simplified characters / Han characters written, the mean over poems "
        "with any.",
        source="OpenCC's s2t and t2s, and Big5: lianju.corpus.simplified",
        limits="后 for 後 or 云 for 雲, which are characters of their own in traditional text.",
    ),
    Metric(
        name="garbled",
        version=1,
        title="Foreign characters",
        chinese="雜字",
        better="less",
        unit="number",
        formula="Characters that are neither Han nor the punctuation or white space that parts "
        "lines, broken bytes (�) among them; the mean over poems.",
        source="lianju.verse.lines_of and is_han",
        limits="Han characters without sense. A mark that verse may have, such as 「, counts.",
    ),
    Metric(
        name="logprob",
        version=1,
        title="Liked by the model",
        chinese="模型偏好",
        better="neither",
        unit="nats",
        formula="(Log-probability of what was written, under the model as it is, before "
        f"temperature, cuts and rules) / (its characters), the mean over poems; {_SCORED}.",
        source="lianju.decode.Completion",
        limits="quality: the likeliest text is often a dull one, and each model likes its own.",
    ),
)

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*_FORM, *_TRUTH, *_COPYING, *_VARIETY, *_WRITING)
}
