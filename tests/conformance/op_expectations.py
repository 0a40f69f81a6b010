"""Writes ONNX Runtime's figures into tests/unit/op_cases*.h.

usage: /usr/bin/python3 tests/conformance/op_expectations.py
Needs Debian's python3-onnx, node and onnxruntime-node (NODE_PATH, default build/peers/node_modules).
A case becomes a one-node model; its inputs are made by the same rule as in tests/unit/op_case.c.
"""
import base64, glob, json, os, re, subprocess, sys, tempfile
import numpy as np, onnx
from onnx import helper, numpy_helper

HEADERS = sorted(glob.glob("tests/unit/op_cases*.h"))
ROW = re.compile(r'CASE\("([^"]*)", "([^"]*)", (\d+), (\d+), (\d+), "([^"]*)", "([^"]*)", \\\n *"([^"]*)", ([^,]*), ([^)]*)\)')
TYPES = {"f": np.float32, "p": np.float32, "i": np.int64, "b": np.bool_,
         "d": np.float64, "n": np.int32, "u": np.uint8, "s": np.int8}

NODE = r"""
const fs = require('fs'), ort = require('onnxruntime-node');
const kinds = {float32: Float32Array, int64: BigInt64Array, bool: Uint8Array,
  float64: Float64Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array};
(async () => {
  const cases = JSON.parse(fs.readFileSync(process.argv[2])), results = [];
  for (const c of cases) {
    try {
      const session = await ort.InferenceSession.create(c.model, {graphOptimizationLevel: 'disabled', logSeverityLevel: 4});
      const feed = {};
      for (const i of c.inputs) {
        const bytes = Buffer.from(i.data, 'base64');
        feed[i.name] = new ort.Tensor(i.type, new kinds[i.type](new Uint8Array(bytes).buffer), i.shape);
      }
      const out = await session.run(feed);
      results.push({outputs: c.outputs.map(n => ({shape: out[n].dims, data: Array.from(out[n].data, Number)}))});
    } catch (e) { results.push({error: e.message}); }
  }
  fs.writeFileSync(process.argv[3], JSON.stringify(results));
})();
"""


def values(kind, count, seed):
    i = np.arange(count, dtype=np.int64)
    raw = (i * 37 + seed * 101 + 17) % 199
    number = (raw - 99) / 64.0
    return {"f": number, "d": number, "p": np.abs(number) + 0.25, "b": raw % 2 == 1, "u": raw}.get(kind, raw % 7 - 3)


def operand(text, seed):
    kind = text[0].lower()
    if text[1] == ":":
        shape = [int(d) for d in text[2:].split("x")]
        data = values(kind, int(np.prod(shape)), seed).reshape(shape)
    elif text[1] == "=":
        numbers, _, shape = text[2:].partition("@")
        data = [float(x) if kind in "fpd" else int(x) for x in numbers.split(",") if x]
        if shape:
            data = np.reshape(data, [int(d) for d in shape.split("x")])
    else:
        data = float(text[2:]) if kind in "fpd" else int(text[2:])
    return np.asarray(data, dtype=TYPES[kind])


def attributes(text):
    found = {}
    for pair in text.split():
        key, value = pair.split("=", 1)
        if value[0] == "[":
            parts = [x for x in value[1:-1].split(",") if x]
            found[key] = [float(x) for x in parts] if "." in value else [int(x) for x in parts]
        elif value[0] == "'":
            found[key] = value[1:-1]
        else:
            found[key] = float(value) if "." in value else int(value)
    return found


def build(row, folder):
    name, kind, opset, outputs, seed, attrs, inputs = row[:7]
    names, graph_inputs, constants, feeds = [], [], [], []
    for k, text in enumerate(inputs.split()):
        if text == "-":
            names.append("")
            continue
        data = operand(text, int(seed) * 10 + k)
        names.append("x%d" % k)
        if text[0].isupper():
            constants.append(numpy_helper.from_array(data, names[-1]))
        else:
            element = helper.np_dtype_to_tensor_dtype(data.dtype) if hasattr(helper, "np_dtype_to_tensor_dtype") \
                else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[data.dtype]
            graph_inputs.append(helper.make_tensor_value_info(names[-1], element, data.shape))
            feeds.append({"name": names[-1], "type": str(data.dtype), "shape": list(data.shape),
                          "data": base64.b64encode(data.tobytes()).decode()})
    outs = ["y%d" % i for i in range(int(outputs))]
    node = helper.make_node(kind, names, outs, **attributes(attrs))
    graph = helper.make_graph([node], name, graph_inputs, [helper.make_empty_tensor_value_info(o) for o in outs], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", int(opset))])
    model.ir_version = 8
    path = os.path.join(folder, name + ".onnx")
    onnx.save(model, path)
    return {"model": path, "inputs": feeds, "outputs": outs}


def main(header):
    text = open(header).read()
    rows = [m.groups() for m in ROW.finditer(text)]
    assert len(rows) == text.count(" CASE(\""), "a row does not parse"
    with tempfile.TemporaryDirectory() as folder:
        cases, script = os.path.join(folder, "cases.json"), os.path.join(folder, "run.cjs")
        results = os.path.join(folder, "results.json")
        json.dump([build(row, folder) for row in rows], open(cases, "w"))
        open(script, "w").write(NODE)
        env = dict(os.environ, NODE_PATH=os.environ.get("NODE_PATH", "build/peers/node_modules"))
        subprocess.run(["node", script, cases, results], env=env, check=True)
        answers = iter(json.load(open(results)))

    def fill(match):
        row, answer = match.groups(), next(answers)
        if "error" in answer:
            print("%s: %s" % (row[0], answer["error"][:300]), file=sys.stderr)
            return match.group(0)
        data = np.concatenate([np.array(o["data"], float).ravel() for o in answer["outputs"]])
        weights = 1 + np.arange(data.size) * 5 % 17
        shape = "x".join(str(d) for d in answer["outputs"][0]["shape"]) or "scalar"
        return 'CASE("%s", "%s", %s, %s, %s, "%s", "%s", \\\n         "%s", %.9g, %.9g)' % (
            *row[:7], shape, data.sum(), (data * weights).sum())

    open(header, "w").write(ROW.sub(fill, text))


for name in HEADERS:
    main(name)
