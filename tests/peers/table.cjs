// Rewrites the README's performance table from the rows that bench.sh left,
// and adds the rows to the history.
// usage: node table.cjs ROWS.csv README.md HISTORY.csv COMMIT MACHINE ISA
const fs = require('fs');
const BEGIN = '<!-- bench-peers -->', END = '<!-- end of bench-peers -->';

const names = {
  mlp: 'LeNet-300-100', lenet5: 'LeNet-5', resnet20: 'ResNet-20',
  mobilenet: 'MobileNet', vgg: 'VGG-like', vit: 'ViT, d 64, 4 blocks',
  mobilenetv2: 'MobileNetV2, 224', resnet18: 'ResNet-18, 224',
  resnet50: 'ResNet-50, 224', 'resnet20-sparse': 'ResNet-20, 90 % zeros',
};

function number(text) {
  return Number(Number(text).toPrecision(3)).toString();
}

function mean(rows) {
  const sum = rows.reduce((a, row) => a + Math.log(row[5]), 0);
  return Math.exp(sum / rows.length).toFixed(2);
}

function main([path, readme, history, commit, machine, isa]) {
  const version = JSON.parse(fs.readFileSync(
      'build/peers/node_modules/onnxruntime-node/package.json')).version;
  const date = new Date().toISOString().slice(0, 10);
  const rows = fs.readFileSync(path, 'utf8').trim().split('\n').slice(1)
      .map(line => line.split(','));
  const dense = rows.filter(row => !row[0].includes('sparse'));
  const of = threads => mean(dense.filter(row => row[1] === threads));
  const lines = [BEGIN,
    `Milliseconds per batch beside ONNX Runtime ${version} on the same cores ` +
    `(${machine}, ${isa}), in turn in one run, ${date}; below 1 espalier is ` +
    `faster. Dense networks on average (geometric): ${of('1')} on one thread, ` +
    `${of('2')} on two.`, '',
    '| model | threads | batch | ONNX Runtime | espalier | ratio |',
    '|---|---|---|---|---|---|'];
  for (const [model, threads, batch, theirs, ours, ratio] of rows)
    lines.push(`| ${names[model.replace('.onnx', '')] || model} | ${threads}` +
        ` | ${batch} | ${number(theirs)} | ${number(ours)} |` +
        ` ${Number(ratio).toFixed(2)} |`);
  lines.push(END);
  const text = fs.readFileSync(readme, 'utf8');
  const begin = text.indexOf(BEGIN), end = text.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error(`${readme}: '${BEGIN}' and '${END}' are missing`);
  fs.writeFileSync(readme, text.slice(0, begin) + lines.join('\n') +
      text.slice(end + END.length));
  for (const row of rows)
    fs.appendFileSync(history, [date, commit, machine, isa,
      `onnxruntime ${version}`, ...row].join(',') + '\n');
}

main(process.argv.slice(2));
