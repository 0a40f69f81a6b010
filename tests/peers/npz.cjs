// Reading NumPy's archives.
const fs = require('fs');
const zlib = require('zlib');

// The float32 arrays of an .npz: a zip of .npy files, read from its central
// directory.
function readNpz(path) {
  const zip = fs.readFileSync(path);
  let end = zip.length - 22;
  while (zip.readUInt32LE(end) !== 0x06054b50) end--;
  const arrays = {};
  let at = zip.readUInt32LE(end + 16);
  for (let i = zip.readUInt16LE(end + 10); i > 0; i--) {
    const method = zip.readUInt16LE(at + 10);
    const packed = zip.readUInt32LE(at + 20);
    const nameLength = zip.readUInt16LE(at + 28);
    const skip = zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
    const local = zip.readUInt32LE(at + 42);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const begin = local + 30 + zip.readUInt16LE(local + 26) +
        zip.readUInt16LE(local + 28);
    let bytes = zip.subarray(begin, begin + packed);
    if (method === 8) bytes = zlib.inflateRawSync(bytes);
    const header = bytes.readUInt16LE(8);
    const text = bytes.toString('latin1', 10, 10 + header);
    const shape = text.match(/\(([^)]*)\)/)[1].split(',')
        .filter(s => s.trim()).map(Number);
    const data = bytes.subarray(10 + header);
    if (text.includes("'<f4'"))
      arrays[name.replace(/\.npy$/, '')] = {
        shape, data: new Float32Array(new Uint8Array(data).buffer)};
    at += 46 + nameLength + skip;
  }
  return arrays;
}

module.exports = {readNpz};
