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

function mean(rows) {
  const sum = rows.reduce((a, row) => a + Math.log(row.ratio), 0);
  return Math.exp(sum / rows.length).toFixed(2);
}

// The newest row of each network, thread count and batch, as `names` has them.
function newest(history) {
  const lines = history.trim().split('\n').map(line => line.split(','));
  const rows = new Map();
  for (const [date, , , , peer, model, threads, batch, theirs, ours, ratio] of
       lines.slice(1)) {
    const name = model.replace('.onnx', '');
    if (peer.startsWith('onnxruntime') && names[name])
      rows.set([name, threads, batch].join(),
               {date, name, threads, batch, theirs, ours, ratio});
  }
  const order = Object.keys(names);
  return [...rows.values()].sort((a, b) =>
    order.indexOf(a.name) - order.indexOf(b.name) || a.threads - b.threads ||
    a.batch - b.batch);
}

function table(rows) {
  return ['| model | threads | batch | ONNX Runtime | espalier | ratio |',
    '|---|---|---|---|---|---|',
    ...rows.map(row => `| ${names[row.name]} | ${row.threads} | ${row.batch} ` +
      `| ${number(row.theirs)} | ${number(row.ours)} | ` +
      `${Number(row.ratio).toFixed(2)} |`)];
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
  const version = JSON.parse(fs.readFileSync(
      'build/peers/node_modules/onnxruntime-node/package.json')).version;
  const date = new Date().toISOString().slice(0, 10);
  const added = fs.readFileSync(path, 'utf8').trim().split('\n').slice(1);
  for (const row of added)
    fs.appendFileSync(history, [date, commit, machine, isa,
      `onnxruntime ${version}`, row].join(',') + '\n');
  const rows = newest(fs.readFileSync(history, 'utf8'));
  const dense = rows.filter(row => !row.name.includes('sparse'));
  const sparse = rows.filter(row => row.name.includes('sparse'));
  const of = threads => mean(dense.filter(row => row.threads === threads));
  const dates = rows.map(row => row.date).sort();
  let text = fs.readFileSync(readme, 'utf8');
  text = replace(text, readme, 'bench-peers', [
    `Milliseconds per batch beside ONNX Runtime ${version} on the same cores ` +
    `(${machine}, ${isa}), each row in turn in one run, the newest rows up to ` +
    `${dates[dates.length - 1]}; below 1 espalier is faster. ` +
    `Dense networks on average (geometric): ${of('1')} on one thread, ` +
    `${of('2')} on two.`, '', ...table(dense)]);
  text = replace(text, readme, 'bench-peers sparse', table(sparse));
  fs.writeFileSync(readme, text);
}

main(process.argv.slice(2).map(
    (text, i) => i === 4 ? text.replaceAll(',', '') : text));
