// Adds the rows that bench.sh left to the history and rewrites the README's
// performance tables from it: the newest row of every network.
// usage: node table.cjs ROWS.csv README.md HISTORY.csv COMMIT MACHINE ISA
const fs = require('fs');

const names = {
  mlp: 'LeNet-300-100', lenet5: 'LeNet-5', resnet20: 'ResNet-20',
  mobilenet: 'MobileNet', vgg: 'VGG-like', vit: 'ViT, d 64, 4 blocks',
  mobilenetv2: 'MobileNetV2, 224', resnet18: 'ResNet-18, 224',
  resnet50: 'ResNet-50, 224', 'lenet5-sparse': 'LeNet-5, 90 % zeros',
  'resnet20-sparse': 'ResNet-20, 90 % zeros',
  'mobilenet-sparse': 'MobileNet, 90 % zeros',
};

function number(text) {
  return Number(Number(text).toPrecision(3)).toString();
}

const peers = {onnxruntime: 'ONNX Runtime', pytorch: 'PyTorch'};

// The newest row of each network, thread count and batch, as `names` has them;
// `of` has what each peer's newest row says.
function newest(history) {
  const lines = history.trim().split('\n').map(line => line.split(','));
  const rows = new Map();
  for (const [date, , , , peer, model, threads, batch, theirs, ours, ratio] of
       lines.slice(1)) {
    const name = model.replace('.onnx', '');
    const [of, version, more] = peer.split(' ');
    if (!peers[of] || more || !names[name]) continue;
    const key = [name, threads, batch].join();
    if (!rows.has(key)) rows.set(key, {name, threads, batch, of: {}});
    rows.get(key).of[of] = {date, version, theirs, ours, ratio};
  }
  const order = Object.keys(names);
  return [...rows.values()].filter(row => row.of.onnxruntime).sort((a, b) =>
    order.indexOf(a.name) - order.indexOf(b.name) || a.threads - b.threads ||
    a.batch - b.batch);
}

// What a peer's rows are on average, on so many threads.
function mean(rows, peer, threads) {
  const ratios = rows.filter(row => row.threads === threads && row.of[peer])
      .map(row => Number(row.of[peer].ratio));
  if (!ratios.length) return 'unknown';
  const sum = ratios.reduce((a, ratio) => a + Math.log(ratio), 0);
  return Math.exp(sum / ratios.length).toFixed(2);
}

// A column of milliseconds and one of ratios for each peer that has rows.
function table(rows) {
  const shown = Object.keys(peers).filter(peer => rows.some(row => row.of[peer]));
  const cells = list => `| ${list.join(' | ')} |`;
  const head = ['model', 'threads', 'batch', 'espalier',
    ...shown.flatMap(peer => [peers[peer], 'ratio'])];
  return [cells(head), `|${head.map(() => '---').join('|')}|`,
    ...rows.map(row => cells([names[row.name], row.threads, row.batch,
      number(row.of.onnxruntime.ours),
      ...shown.flatMap(peer => row.of[peer] ?
        [number(row.of[peer].theirs), Number(row.of[peer].ratio).toFixed(2)] :
        ['', ''])]))];
}

// Puts lines between the marks of a name.
function replace(text, readme, mark, lines) {
  const first = `<!-- ${mark} -->`, last = `<!-- end of ${mark} -->`;
  const begin = text.indexOf(first), end = text.indexOf(last);
  if (begin < 0 || end < begin)
    throw new Error(`${readme}: '${first}' and '${last}' are missing`);
  return text.slice(0, begin) + [first, ...lines, last].join('\n') +
      text.slice(end + last.length);
}

function main([path, readme, history, commit, machine, isa]) {
  const date = new Date().toISOString().slice(0, 10);
  const added = fs.readFileSync(path, 'utf8').trim().split('\n').slice(1);
  for (const row of added)
    fs.appendFileSync(history, [date, commit, machine, isa, row].join(',') + '\n');
  const rows = newest(fs.readFileSync(history, 'utf8'));
  const dense = rows.filter(row => !row.name.includes('sparse'));
  const sparse = rows.filter(row => row.name.includes('sparse'));
  const newestOf = peer => dense.map(row => row.of[peer]).filter(Boolean)
      .sort((a, b) => a.date < b.date ? 1 : -1)[0];
  const known = Object.keys(peers).filter(newestOf);
  const versions = known.map(peer => `${peers[peer]} ${newestOf(peer).version}`);
  const means = known.map(peer => `${mean(dense, peer, '1')} of ${peers[peer]}'s ` +
      `time on one thread, ${mean(dense, peer, '2')} on two`);
  let text = fs.readFileSync(readme, 'utf8');
  text = replace(text, readme, 'bench-peers', [
    `Milliseconds per batch beside ${versions.join(' and ')} on the same cores ` +
    `(${machine}, ${isa}), in turn in one run, the newest rows up to ` +
    `${newestOf('onnxruntime').date}; below 1 espalier is faster. Dense ` +
    `networks on average (geometric): ${means.join('; ')}.`, '', ...table(dense)]);
  text = replace(text, readme, 'bench-peers sparse', table(sparse));
  fs.writeFileSync(readme, text);
}

main(process.argv.slice(2).map(
    (text, i) => i === 4 ? text.replaceAll(',', '') : text));
