// Latency of ONNX Runtime and espalier, in turn (A B A B), on one model.
// usage: node bench.cjs PROGRAM MODEL.onnx THREADS BATCH SHAPE(1x28x28) [ROUNDS]
// Prints: model,threads,batch,ort_ms,ours_ms,ratio (medians over rounds of
// medians; per batch) and the lowest and highest ratio of a round.
//
// Two virtual processors may share a core complex now and not a second later,
// and two threads are slower then on either side. With DISTANCE=bench_distance
// in the environment a round of several threads counts only if a line took as
// long before, between and after the sides; others are played again.
const {execFileSync} = require('child_process');
const ort = require('onnxruntime-node');

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

async function timeOrt(session, feed) {
  for (let i = 0; i < 5; i++) await session.run(feed);
  const times = [];
  const begin = process.hrtime.bigint();
  while (times.length < 30 ||
         Number(process.hrtime.bigint() - begin) < 1e9) {
    const start = process.hrtime.bigint();
    await session.run(feed);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return median(times);
}

// Its threads spin for some ten milliseconds after a run, in which espalier
// would plan: it would find the second processor busy.
const rest = () => new Promise(resolve => setTimeout(resolve, 500));

// Nanoseconds from one processor to the other and back; 0: not asked for.
function distance(threads) {
  const program = process.env.DISTANCE;
  return program && Number(threads) > 1 ? Number(execFileSync(program)) : 0;
}

const alike = list => Math.max(...list) <= 1.5 * Math.min(...list);

async function main([program, model, threads, batch, shape, rounds]) {
  const session = await ort.InferenceSession.create(model,
      {intraOpNumThreads: Number(threads), interOpNumThreads: 1});
  const dims = [Number(batch), ...shape.split('x').map(Number)];
  const data = new Float32Array(dims.reduce((a, b) => a * b));
  for (let i = 0; i < data.length; i++) data[i] = Math.sin(i * 12.9898);
  const feed = {[session.inputNames[0]]: new ort.Tensor('float32', data, dims)};
  const theirs = [], ours = [], ratios = [];
  const wanted = Number(rounds || 5);
  for (let r = 0; ratios.length < wanted && r < 6 * wanted; r++) {
    const away = [distance(threads)];
    const ortMs = await timeOrt(session, feed);
    await rest();
    away.push(distance(threads));
    const out = execFileSync(program, ['bench', model, '--json', '--threads',
      threads, '--batch', batch], {encoding: 'utf8'});
    away.push(distance(threads));
    if (!alike(away)) continue;
    theirs.push(ortMs);
    ours.push(JSON.parse(out).latency_ms.median);
    ratios.push(ours[ours.length - 1] / ortMs);
  }
  if (ratios.length < wanted)
    console.error(`${model}: ${ratios.length} of ${wanted} rounds at equal distance`);
  if (!ratios.length) return;
  console.log([model.replace(/.*\//, ''), threads, batch,
    median(theirs).toFixed(4), median(ours).toFixed(4),
    median(ratios).toFixed(3), Math.min(...ratios).toFixed(3),
    Math.max(...ratios).toFixed(3)].join(','));
}

main(process.argv.slice(2)).catch(e => { console.error(e.message); process.exit(1); });
