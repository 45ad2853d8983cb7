/* Pictures as an animated GIF (89a), with one palette for all. */

const MOST = 256, BITS = 8;

/* frames: ImageData of one size; pauses: of each, in hundredths of a second. Uint8Array. */
export function gifOf(frames, pauses) {
  const { width, height } = frames[0], { palette, numberOf } = paletteOf(frames), bytes = [];
  const word = (value) => bytes.push(value & 255, value >> 8);
  const text = (letters) => bytes.push(...[...letters].map((letter) => letter.charCodeAt(0)));
  text("GIF89a");
  word(width);
  word(height);
  bytes.push(0xF0 | (BITS - 1), 0, 0);
  for (let i = 0; i < MOST; i++) bytes.push(...(palette[i] ?? [0, 0, 0]));
  bytes.push(0x21, 0xFF, 11); // again and again
  text("NETSCAPE2.0");
  bytes.push(3, 1, 0, 0, 0);
  frames.forEach((frame, n) => {
    bytes.push(0x21, 0xF9, 4, 4);
    word(pauses[n]);
    bytes.push(0, 0, 0x2C, 0, 0, 0, 0);
    word(width);
    word(height);
    bytes.push(0, BITS);
    const packed = lzw(numberOf(frame));
    for (let i = 0; i < packed.length; i += 255) {
      const part = packed.slice(i, i + 255);
      bytes.push(part.length, ...part);
    }
    bytes.push(0);
  });
  bytes.push(0x3B);
  return Uint8Array.from(bytes);
}

/* The commonest colours of 5 bits a channel, each the mean of what falls there. */
function paletteOf(frames) {
  const bins = new Map();
  const binAt = (data, i) => (data[i] >> 3) << 10 | (data[i + 1] >> 3) << 5 | data[i + 2] >> 3;
  for (const { data } of frames) {
    for (let i = 0; i < data.length; i += 4) {
      const bin = binAt(data, i), sums = bins.get(bin) ?? [0, 0, 0, 0];
      for (let c = 0; c < 3; c++) sums[c] += data[i + c];
      sums[3] += 1;
      bins.set(bin, sums);
    }
  }
  const common = [...bins.values()].sort((a, b) => b[3] - a[3]).slice(0, MOST);
  const palette = common.map(([r, g, b, n]) => [r, g, b].map((sum) => Math.round(sum / n)));
  const nearest = new Map([...bins].map(([bin, [r, g, b, n]]) =>
    [bin, near([r / n, g / n, b / n])]));
  function near(wanted) {
    const far = palette.map((one) => one.reduce((sum, v, c) => sum + (v - wanted[c]) ** 2, 0));
    return far.indexOf(Math.min(...far));
  }
  const numberOf = ({ data }) =>
    Uint8Array.from({ length: data.length / 4 }, (_, i) => nearest.get(binAt(data, 4 * i)));
  return { palette, numberOf };
}

/* Variable-length codes from 9 bits on, started anew when 4096 are used. */
function lzw(pixels) {
  const clear = 1 << BITS, bytes = [];
  let codes, size, next, held = 0, bits = 0;
  const put = (code) => {
    held |= code << bits;
    bits += size;
    while (bits >= 8) {
      bytes.push(held & 255);
      held >>>= 8;
      bits -= 8;
    }
  };
  const start = () => {
    codes = new Map();
    size = BITS + 1;
    next = clear + 2;
  };
  start();
  put(clear);
  let prefix = pixels[0];
  for (const pixel of pixels.subarray(1)) {
    const key = prefix << BITS | pixel, known = codes.get(key);
    if (known !== undefined) {
      prefix = known;
      continue;
    }
    put(prefix);
    if (next === 4096) {
      put(clear);
      start();
    } else {
      codes.set(key, next);
      if (next === 1 << size && size < 12) size += 1;
      next += 1;
    }
    prefix = pixel;
  }
  put(prefix);
  put(clear + 1);
  if (bits) bytes.push(held & 255);
  return bytes;
}
