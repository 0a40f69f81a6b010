// Latency of ONNX Runtime, espalier and PyTorch, in turn, on one model.
// usage: node bench.cjs PROGRAM MODEL.onnx THREADS BATCH SHAPE(1x28x28) [ROUNDS]
// Prints a row for each peer: peer,model,threads,batch,their_ms,our_ms,ratio
// (medians over rounds of medians; per batch) and the lowest and highest ratio
// of a round. PyTorch has a row where pytorch.py knows the network.
//
// Two virtual processors may share a core complex now and not a second later,
// and two threads are slower then on either side. With DISTANCE=bench_distance
// in the environment a round of several threads counts for a peer only if a
// line took as long before, between and after both sides; others are played
// again.
const {execFileSync, spawn} = require('child_process');
const path = require('path');
const readline = require('readline');
const ort = require('onnxruntime-node');

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

// A peer: its name and version, and a round's median milliseconds; `next` is
// what it does for the round that follows.
async function onnxRuntime(model, threads, dims) {
  const session = await ort.InferenceSession.create(model,
      {intraOpNumThreads: Number(threads), interOpNumThreads: 1});
  const data = new Float32Array(dims.reduce((a, b) => a * b));
  for (let i = 0; i < data.length; i++) data[i] = Math.sin(i * 12.9898);
  const feed = {[session.inputNames[0]]: new ort.Tensor('float32', data, dims)};
  const version = require('onnxruntime-node/package.json').version;
  const round = async () => {
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
  };
  return {name: `onnxruntime ${version}`, round, end: () => {}};
}

// Nothing where Python has no PyTorch or PyTorch not this network.
async function pyTorch(model, threads, batch, shape) {
  const child = spawn(process.env.PYTHON || '/usr/bin/python3',
      [path.join(__dirname, 'pytorch.py'), path.basename(model, '.onnx'),
       threads, batch, shape], {stdio: ['pipe', 'pipe', 'inherit'],
        env: {...process.env, OMP_NUM_THREADS: threads,
              OPENBLAS_NUM_THREADS: threads}});
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  const lines = readline.createInterface({input: child.stdout})
      [Symbol.asyncIterator]();
  const version = await lines.next();
  if (version.done) return null;
  const round = async () => {
    child.stdin.write('\n');
    const line = await lines.next();
    if (line.done) throw new Error('pytorch.py ended early');
    return Number(line.value);
  };
  return {name: `pytorch ${version.value}`, round, end: () => child.stdin.end()};
}

// Peers' threads spin for some ten milliseconds after a run, in which espalier
// would plan: it would find the second processor busy.
const rest = () => new Promise(resolve => setTimeout(resolve, 500));

// Nanoseconds from one processor to the other and back; 0: not asked for.
function distance(threads) {
  const program = process.env.DISTANCE;
  return program && Number(threads) > 1 ? Number(execFileSync(program)) : 0;
}

const alike = list => Math.max(...list) <= 1.5 * Math.min(...list);

function timeOurs(program, model, threads, batch) {
  const out = execFileSync(program, ['bench', model, '--json', '--threads',
    threads, '--batch', batch], {encoding: 'utf8'});
  return JSON.parse(out).latency_ms.median;
}

async function main([program, model, threads, batch, shape, rounds]) {
  const dims = [Number(batch), ...shape.split('x').map(Number)];
  const wanted = Number(rounds || 5);
  const peers = [await onnxRuntime(model, threads, dims),
                 await pyTorch(model, threads, batch, shape)].filter(Boolean);
  for (const peer of peers) Object.assign(peer, {theirs: [], ours: []});
  const open = () => peers.filter(peer => peer.ours.length < wanted);
  // One peer before espalier and the other after, so that a side is not always first.
  for (let r = 0; open().length && r < 6 * wanted; r++) {
    const [before, after] = open();
    await rest();
    const away = [distance(threads)];
    const first = await before.round();
    await rest();
    away.push(distance(threads));
    const ours = timeOurs(program, model, threads, batch);
    away.push(distance(threads));
    if (alike(away)) {
      before.theirs.push(first);
      before.ours.push(ours);
    }
    if (!after) continue;
    const last = await after.round();
    await rest();
    away.push(distance(threads));
    if (!alike(away.slice(1))) continue;
    after.theirs.push(last);
    after.ours.push(ours);
  }
  for (const {name, theirs, ours, end} of peers) {
    end();
    if (ours.length < wanted)
      console.error(`${model}: ${name}: ${ours.length} of ${wanted} rounds at equal distance`);
    if (!ours.length) continue;
    const ratios = ours.map((ms, i) => ms / theirs[i]);
    console.log([name, path.basename(model), threads, batch,
      median(theirs).toFixed(4), median(ours).toFixed(4),
      median(ratios).toFixed(3), Math.min(...ratios).toFixed(3),
      Math.max(...ratios).toFixed(3)].join(','));
  }
}

main(process.argv.slice(2)).catch(e => { console.error(e.message); process.exit(1); });
