// Compares a model's outputs in ONNX Runtime with given ones.
// usage: node onnxruntime.cjs MODEL.onnx INPUTS.npz OUTPUTS.npz
// Prints the largest difference relative to the largest output; exit status 1
// when it is above 1e-3.
const {readNpz} = require('../peers/npz.cjs');
const ort = require('onnxruntime-node');

async function main([model, inputs, outputs]) {
  const session = await ort.InferenceSession.create(model);
  const feed = {}, given = readNpz(inputs), ours = readNpz(outputs);
  for (const name of session.inputNames)
    feed[name] = new ort.Tensor('float32', given[name].data, given[name].shape);
  const result = await session.run(feed);
  let worst = 0;
  for (const name of session.outputNames) {
    let largest = 0, difference = 0;
    result[name].data.forEach((x, i) => {
      largest = Math.max(largest, Math.abs(x));
      difference = Math.max(difference, Math.abs(x - ours[name].data[i]));
    });
    worst = Math.max(worst, difference / largest);
  }
  console.log(worst.toExponential(1));
  process.exit(worst <= 1e-3 ? 0 : 1);
}

main(process.argv.slice(2)).catch(e => { console.error(e.message); process.exit(1); });
