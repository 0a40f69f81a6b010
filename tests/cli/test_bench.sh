# espalier bench: keys; no figure is judged.
. tests/cli/lib.sh

ok bench bench data/mlp.onnx --json
keys bench model batch threads latency_ms median p10 p90 throughput_per_s \
	peak_memory_bytes layers name op kernel ms sparsity
same batch "$(value batch)" 1
same threads "$(value threads)" 1
ok 'batch and kernels' bench data/mlp.onnx --batch 4 --kernels dense --json
same batch "$(value batch)" 4
ok 'with data' bench data/mlp.onnx data/fashion-mnist-sample --json
ok text bench data/mlp.onnx
grep -q '^throughput' "$work/out" || fail 'text: no throughput'
refuse missing 1 'none.onnx' bench "$work/none.onnx"
finish
