"""keeping.py: what generate.py keeps of its cases, which are functions, losses and modules of PyTorch."""
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

out = {}


def keep(name, value):
    assert name not in out, name
    out[name] = value.detach().clone().contiguous()


def ten_steps(leaves, objective, rate):
    """Ten updates of the leaves in place; no random number is drawn."""
    optimizer = torch.optim.SGD(leaves, lr=rate, momentum=0.9)
    for _ in range(10):
        optimizer.zero_grad()
        objective().backward()
        optimizer.step()


def ten_steps_of(name, module, objective):
    """What becomes of a layer's parameters and buffers, which it has after its first pass."""
    parameters = list(module.parameters())
    if not parameters:
        return
    ten_steps(parameters, objective, 0.05)
    for key, v in module.state_dict().items():
        keep(f"{name}/ten_{key}", v)


def loss(name, f, *inputs):
    """All reductions, and the gradients of the mean; of those with several rows also of each, times their number."""
    leaves = [v.clone().requires_grad_() for v in inputs]
    mean = f(*leaves, reduction="mean")
    mean.backward()
    keep(f"{name}/mean", mean)
    keep(f"{name}/sum", f(*inputs, reduction="sum"))
    keep(f"{name}/none", f(*inputs, reduction="none"))
    for i, leaf in enumerate(leaves):
        if leaf.grad is not None:
            keep(f"{name}/d{i}", leaf.grad)
    if name == "bce":  # of probabilities, which steps would leave: of what they are the sigmoid of
        leaves = [torch.logit(inputs[0], 0.01).requires_grad_()]
        ten_steps(leaves, lambda: f(torch.sigmoid(leaves[0]), reduction="mean"), 0.5)
        keep("bce/ten_x", torch.logit(inputs[0], 0.01))
    else:  # what is a probability stays one
        stepped = leaves[:1] if name.startswith("bce") else leaves
        ten_steps(stepped, lambda: f(*leaves, reduction="mean"), 0.5)
        leaves = stepped
    for i, leaf in enumerate(leaves):
        keep(f"{name}/ten_{i}", leaf)


def layer(name, module, *inputs):
    """Output, gradients of sum(g * output) to inputs and parameters, and the state before and after."""
    for key, v in module.state_dict().items():
        keep(f"{name}/{key}", v)
    leaves = [v.clone().requires_grad_() if v.is_floating_point() else v for v in inputs]
    y = module(*leaves)
    g = torch.randn(y.shape)
    y.backward(g)
    keep(f"{name}/y", y)
    keep(f"{name}/g", g)
    for i, (leaf, given) in enumerate(zip(leaves, inputs)):
        keep(f"{name}/x{i}", given)
        if leaf.requires_grad:
            keep(f"{name}/dx{i}", leaf.grad)
    for key, v in module.named_parameters():
        keep(f"{name}/d_{key}", v.grad)
    for key, v in module.named_buffers():
        keep(f"{name}/after_{key}", v)
    ten_steps_of(name, module, lambda: F.mse_loss(module(*inputs), g))


def recurrent(name, module, *inputs, lengths=None):
    """Outputs and last states (`y0`, …), and the gradients of the sum over them of sum(g_i * output_i). Of sequences packed to `lengths`."""
    with torch.no_grad():
        for v in module.parameters():
            v.mul_(1.5)
    for key, v in module.state_dict().items():
        keep(f"{name}/{key}", v)
    leaves = [v.clone().requires_grad_() for v in inputs]
    x, states = leaves[0], leaves[1:]
    if lengths is not None:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    lstm = isinstance(module, (torch.nn.LSTM, torch.nn.LSTMCell))

    def run():
        y = module(x, tuple(states) if lstm else states[0]) if states else module(x)
        if lengths is not None:
            y = (torch.nn.utils.rnn.pad_packed_sequence(y[0], batch_first=True, total_length=inputs[0].shape[1])[0], y[1])
        return [y] if torch.is_tensor(y) else [v for part in y for v in ([part] if torch.is_tensor(part) else part)]

    flat = run()
    cotangents = [torch.randn(v.shape) for v in flat]
    torch.autograd.backward(flat, cotangents)
    for i, (v, g) in enumerate(zip(flat, cotangents)):
        keep(f"{name}/y{i}", v)
        keep(f"{name}/g{i}", g)
    for i, (leaf, given) in enumerate(zip(leaves, inputs)):
        keep(f"{name}/x{i}", given)
        keep(f"{name}/dx{i}", leaf.grad)
    for key, v in module.named_parameters():
        keep(f"{name}/d_{key}", v.grad)
    x, states = x.detach() if lengths is None else x, [v.detach() for v in states]
    if lengths is not None:
        x = torch.nn.utils.rnn.pack_padded_sequence(inputs[0], lengths, batch_first=True, enforce_sorted=False)
    ten_steps_of(name, module, lambda: sum(F.mse_loss(v, g) for v, g in zip(run(), cotangents)))


def transformer(name, module, inputs, **masks):
    """The layer's state, its output, and gradients of sum(g * output)."""
    with torch.no_grad():
        for v in module.parameters():
            v.add_(0.1 * torch.randn_like(v))
    leaves = [v.clone().requires_grad_() for v in inputs]
    y = module(*leaves, **masks)
    g = torch.randn(y.shape)
    y.backward(g)
    keep(f"{name}/y", y)
    keep(f"{name}/g", g)
    for i, leaf in enumerate(leaves):
        keep(f"{name}/x{i}", leaf)
        keep(f"{name}/dx{i}", leaf.grad)
    for key, v in module.named_parameters():
        keep(f"{name}/{key}", v)
        keep(f"{name}/d_{key}", v.grad)
    ten_steps_of(name, module, lambda: F.mse_loss(module(*inputs, **masks), g))


def write(name):
    path = Path(__file__).with_name(name)
    save_file(out, path, metadata={"torch": torch.__version__})
    print(f"{path}: {len(out)} tensors, {path.stat().st_size} bytes")
    out.clear()
