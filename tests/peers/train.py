"""One training step of an example network in PyTorch, as tests/bench/bench_train.c does it.

usage: train.py NAME THREADS [channels-last]     prints NAME,128,THREADS,median_ms,p10_ms,p90_ms
Batch 128, cross-entropy, SGD with Nesterov momentum and decay; the images are made once, so that PyTorch is not charged
for reading them.
"""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "data"))
import torch, torch.nn.functional as F

name, threads, last = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
sys.argv[1:] = []  # the script trains what its arguments name
import make_models as models

torch.set_num_threads(threads)
torch.manual_seed(0)
net = {"mlp": models.MLP, "lenet5": models.LeNet5, "resnet20-bn": models.ResNet20, "mobilenet-bn": models.MobileNet}[name]()
image, label = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
if last:
    net, image = net.to(memory_format=torch.channels_last), image.contiguous(memory_format=torch.channels_last)
optimiser = torch.optim.SGD(net.parameters(), .05, momentum=.9, weight_decay=5e-4, nesterov=True)
net.train()
times = []
for i in range(5 + 31):
    start = time.perf_counter()
    loss = F.cross_entropy(net(image), label)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if i >= 5:
        times.append(1e3 * (time.perf_counter() - start))
times.sort()
print(f"{name},128,{threads},{times[15]:.2f},{times[3]:.2f},{times[27]:.2f}", flush=True)
