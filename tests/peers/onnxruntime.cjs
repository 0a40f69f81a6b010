// Compares a model's answers in ONNX Runtime with espalier's, sample by
// sample. usage: node onnxruntime.cjs MODEL.onnx OUTPUTS.npz DATA_FOLDER
//
// OUTPUTS.npz comes from `espalier eval MODEL DATA --outputs OUTPUTS.npz`;
// DATA_FOLDER holds Fashion-MNIST's t10k files. Exit status 1 when one
// answer differs.
const fs = require('fs');
const zlib = require('zlib');
const ort = require('onnxruntime-node');
const {readNpz} = require('./npz.cjs');

function readIdx(path) {
  const bytes = zlib.gunzipSync(fs.readFileSync(path));
  const shape = [];
  for (let i = 0; i < bytes[3]; i++) shape.push(bytes.readUInt32BE(4 + 4 * i));
  return {shape, data: bytes.subarray(4 + 4 * bytes[3])};
}

function argmax(data, from, count) {
  let best = 0;
  for (let i = 1; i < count; i++)
    if (data[from + i] > data[from + best]) best = i;
  return best;
}

async function main([model, outputs, folder]) {
  const images = readIdx(`${folder}/t10k-images-idx3-ubyte.gz`);
  const labels = readIdx(`${folder}/t10k-labels-idx1-ubyte.gz`);
  const session = await ort.InferenceSession.create(model);
  const name = session.outputNames[0];
  const ours = readNpz(outputs)[name];
  if (!ours) throw new Error(`${outputs}: no float32 array '${name}'`);
  const [count, classes] = ours.shape;
  const pixels = images.shape[1] * images.shape[2];
  let different = 0, correct = 0, largest = 0;
  for (let first = 0; first < count; first += 100) {
    const n = Math.min(100, count - first);
    const input = new Float32Array(n * pixels);
    for (let i = 0; i < input.length; i++)
      input[i] = (images.data[first * pixels + i] / 255 - 0.2860) / 0.3530;
    const feed = {};
    feed[session.inputNames[0]] = new ort.Tensor('float32', input,
        [n, 1, images.shape[1], images.shape[2]]);
    const result = (await session.run(feed))[name].data;
    for (let i = 0; i < n; i++) {
      const theirs = argmax(result, i * classes, classes);
      const answer = argmax(ours.data, (first + i) * classes, classes);
      if (theirs !== answer) different++;
      if (theirs === labels.data[first + i]) correct++;
    }
    for (let i = 0; i < n * classes; i++)
      largest = Math.max(largest,
          Math.abs(result[i] - ours.data[first * classes + i]));
  }
  console.log(`${model}: ONNX Runtime accuracy ${(correct / count).toFixed(4)}` +
      ` on ${count} samples, ${different} answers differ,` +
      ` largest difference of a logit ${largest.toExponential(2)}`);
  process.exit(different ? 1 : 0);
}

main(process.argv.slice(2)).catch(e => { console.error(e.message); process.exit(1); });
