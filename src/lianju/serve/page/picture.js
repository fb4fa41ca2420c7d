// A poem as a PNG, set as on the page, with the seal 聯句 in a corner.

const SCALE = 2;
const SIZE = 44;
// Ink on paper, whatever the screen is set to: pictures are passed on.
const [PAPER, EDGE, INK, SEAL] = ["#fbfaf6", "#d8d6cb", "#1c2427", "#b0352a"];
const SERIF = '"Noto Serif CJK TC", "Noto Serif TC", "Source Han Serif TC", "Songti TC", "PMingLiU", '
  + "serif";

export async function savePicture(poem, stops, vertical) {
  const rows = poem.lines.map((line, place) => [...line.text + stops[place]]);
  const canvas = draw(vertical ? inColumns(rows) : inRows(rows));
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `lianju-${poem.lines[0].text}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Where each character's centre stands: {width, height, glyphs: [{character, x, y}]}. Punctuation
// of columns stands at the upper right of its square, as Chinese sets it.
function inColumns(rows) {
  const pitch = SIZE * 1.75;
  const step = SIZE * 1.16;
  const margin = SIZE * 2;
  const longest = Math.max(...rows.map((row) => row.length));
  const width = pitch * rows.length + 2 * margin - (pitch - SIZE);
  const glyphs = rows.flatMap((row, line) => row.map((character, place) => ({
    character,
    x: width - margin - SIZE / 2 - line * pitch + (isStop(character) ? SIZE * 0.62 : 0),
    y: margin + SIZE / 2 + place * step - (isStop(character) ? SIZE * 0.58 : 0),
  })));
  return { width, height: 2 * margin + longest * step + SIZE * 0.4, glyphs };
}

function inRows(rows) {
  const pitch = SIZE * 1.75;
  const margin = SIZE * 2;
  const longest = Math.max(...rows.map((row) => row.length));
  const glyphs = rows.flatMap((row, line) => row.map((character, place) => ({
    character, x: margin + SIZE / 2 + place * SIZE * 1.16, y: margin + SIZE / 2 + line * pitch,
  })));
  return {
    width: 2 * margin + longest * SIZE * 1.16,
    height: 2 * margin + rows.length * pitch + SIZE * 0.5,
    glyphs,
  };
}

const isStop = (character) => /\p{P}/u.test(character);

function draw({ width, height, glyphs }) {
  const canvas = document.createElement("canvas");
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const pen = canvas.getContext("2d");
  pen.scale(SCALE, SCALE);
  pen.fillStyle = PAPER;
  pen.fillRect(0, 0, width, height);
  pen.strokeStyle = EDGE;
  pen.strokeRect(SIZE / 2, SIZE / 2, width - SIZE, height - SIZE);
  pen.fillStyle = INK;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = `${SIZE}px ${SERIF}`;
  for (const { character, x, y } of glyphs) pen.fillText(character, x, y);
  seal(pen, SIZE * 1.05, height - SIZE * 1.05);
  return canvas;
}

// Small, at the lower left, where a poet sets it; `bottom` and `left` are its corner.
function seal(pen, left, bottom) {
  const side = SIZE * 0.4;
  const [width, height] = [side * 1.5, side * 2.6];
  pen.fillStyle = SEAL;
  pen.beginPath();
  pen.roundRect(left, bottom - height, width, height, 4);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = `600 ${side}px ${SERIF}`;
  pen.fillText("聯", left + width / 2, bottom - height + side * 0.78);
  pen.fillText("句", left + width / 2, bottom - side * 0.75);
}
