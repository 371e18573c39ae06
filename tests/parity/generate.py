"""generate.py: writes beside itself what PyTorch computes for the cases of the tests in this folder, a file for each topic, and
network.safetensors, lstm.safetensors, encoder.safetensors and every_layer.safetensors, the state_dicts of networks as PyTorch's users save them.

Needs the packages torch (2.8 or newer; the CPU is enough), numpy and safetensors. Run by hand when a case is added, and commit the file: the
tests only read it.

    python3 tests/parity/generate.py

Names are `case/what`. `d…` is the gradient of sum(g * output), where g is the case's or the group's cotangent, or of the mean of a loss.
`ten_…` is what ten steps of SGD with momentum make of it: of a loss, on its mean; of a layer, on the mean squared distance of its outputs from
the cotangents.
"""
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from keeping import keep, layer, loss, out, recurrent, ten_steps, transformer, write

torch.set_num_threads(1)


def activations():
    x = torch.randn(4, 6) * 3
    x[0, :4] = torch.tensor([0.0, 30.0, -30.0, 100.0])
    g = torch.randn(4, 6)
    keep("activations/x", x)
    keep("activations/g", g)
    cases = {
        "relu": F.relu, "leaky_relu": F.leaky_relu, "leaky_relu_2": lambda v: F.leaky_relu(v, 0.2),
        "elu": F.elu, "elu_2": lambda v: F.elu(v, 1.5), "selu": F.selu,
        "gelu": F.gelu, "gelu_tanh": lambda v: F.gelu(v, approximate="tanh"), "silu": F.silu,
        "softplus": F.softplus, "softplus_2": lambda v: F.softplus(v, 2, 5), "hardswish": F.hardswish, "mish": F.mish,
        "tanh": torch.tanh, "sigmoid": torch.sigmoid,
        "softmax_0": lambda v: F.softmax(v, 0), "softmax_1": lambda v: F.softmax(v, 1),
        "log_softmax_0": lambda v: F.log_softmax(v, 0), "log_softmax_1": lambda v: F.log_softmax(v, 1),
        "glu_0": lambda v: F.glu(v, 0), "glu_1": lambda v: F.glu(v, 1),
    }
    for name, f in cases.items():
        leaf = x.clone().requires_grad_()
        y = f(leaf)
        y.backward(g[: y.shape[0], : y.shape[1]])
        keep(f"{name}/y", y)
        keep(f"{name}/dx", leaf.grad)


def losses():
    p, y = torch.randn(5, 4) * 2, torch.randn(5, 4)
    y[0, 0] = p[0, 0]
    keep("losses/p", p)
    keep("losses/y", y)
    loss("mse", F.mse_loss, p, y)
    loss("l1", F.l1_loss, p, y)
    loss("smooth_l1", F.smooth_l1_loss, p, y)
    loss("smooth_l1_2", lambda a, b, reduction: F.smooth_l1_loss(a, b, beta=0.5, reduction=reduction), p, y)
    loss("huber", F.huber_loss, p, y)
    loss("huber_2", lambda a, b, reduction: F.huber_loss(a, b, delta=0.7, reduction=reduction), p, y)

    q, t = torch.rand(5, 4), torch.rand(5, 4)
    q[0, 0], t[0, 0], q[0, 1], t[0, 1] = 0.0, 0.0, 1.0, 0.5
    keep("losses/q", q)
    keep("losses/t", t)
    loss("bce", lambda a, reduction: F.binary_cross_entropy(a, t, reduction=reduction), q)
    keep("losses/pos_weight", torch.rand(4) * 3)
    logits = p.clone()
    logits[0, :3] = torch.tensor([0.0, 90.0, -90.0])
    keep("losses/logits", logits)
    loss("bce_with_logits", F.binary_cross_entropy_with_logits, logits, t)
    loss("bce_with_logits_2", lambda a, b, reduction: F.binary_cross_entropy_with_logits(
        a, b, pos_weight=out["losses/pos_weight"], reduction=reduction), logits, t)
    loss("kl_div", lambda a, reduction: F.kl_div(a, t, reduction=reduction), F.log_softmax(p, 1))
    loss("kl_div_2", lambda a, b, reduction: F.kl_div(a, b, log_target=True, reduction=reduction), F.log_softmax(p, 1), F.log_softmax(y, 1))

    signs = torch.where(torch.rand(5, 4) < 0.5, -1.0, 1.0)
    keep("losses/signs", signs)
    loss("hinge_embedding", lambda a, reduction: F.hinge_embedding_loss(a, signs, margin=1.2, reduction=reduction), p)
    rows = torch.tensor([1, -1, -1, 1, -1])
    keep("losses/rows", rows)
    loss("cosine_embedding", lambda a, b, reduction: F.cosine_embedding_loss(a, b, rows, margin=0.1, reduction=reduction), p, y)
    n = torch.randn(5, 4)
    keep("losses/n", n)
    loss("triplet", lambda a, b, c, reduction: F.triplet_margin_loss(a, b, c, margin=0.8, reduction=reduction), p, y, n)
    loss("triplet_2", lambda a, b, c, reduction: F.triplet_margin_loss(a, b, c, margin=1.5, swap=True, reduction=reduction), p, y, n)

    labels, some = torch.tensor([3, 0, 1, 1, 2]), torch.tensor([3, 7, 1, 7, 2])
    weight = torch.rand(4) + 0.2
    keep("losses/labels", labels)
    keep("losses/some", some)
    keep("losses/weight", weight)
    for name, target, extra in [
        ("cross_entropy", labels, {}), ("cross_entropy_weights", labels, {"weight": weight}),
        ("cross_entropy_smooth", labels, {"label_smoothing": 0.2}),
        ("cross_entropy_smooth_weights", labels, {"label_smoothing": 0.2, "weight": weight}),
        ("cross_entropy_ignore", some, {"ignore_index": 7}),
        ("cross_entropy_all", some, {"ignore_index": 7, "label_smoothing": 0.1, "weight": weight}),
    ]:
        loss(name, lambda a, reduction, target=target, extra=extra: F.cross_entropy(a, target, reduction=reduction, **extra), p)
    loss("nll", lambda a, reduction: F.nll_loss(a, some, weight=weight, ignore_index=7, reduction=reduction), F.log_softmax(p, 1))
    loss("nll_plain", lambda a, reduction: F.nll_loss(a, labels, reduction=reduction), F.log_softmax(p, 1))
    loss("smooth_l1_0", lambda a, b, reduction: F.smooth_l1_loss(a, b, beta=0.0, reduction=reduction), p, y)


class Lion(torch.optim.Optimizer):
    """As in https://arxiv.org/abs/2302.06675, which PyTorch lacks."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(torch.sign(m * b1 + p.grad * (1 - b1)) * group["lr"])
                m.mul_(b2).add_(p.grad, alpha=1 - b2)


def optimizers():
    a, b = torch.randn(2, 3), torch.randn(4)
    ga, gb = torch.randn(10, 2, 3), torch.randn(10, 4)
    ga[:, 0, 0] = 0  # an element that is never pulled
    for name, value in [("a", a), ("b", b), ("ga", ga), ("gb", gb)]:
        keep(f"optimizers/{name}", value)
    o = torch.optim
    cases = {
        "sgd": (o.SGD, {"lr": 0.1}),
        "sgd_momentum": (o.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}),
        "sgd_dampening": (o.SGD, {"lr": 0.1, "momentum": 0.8, "dampening": 0.3}),
        "sgd_nesterov": (o.SGD, {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
        "adam": (o.Adam, {"lr": 0.05}),
        "adam_amsgrad": (o.Adam, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.05, "amsgrad": True}),
        "adamw": (o.AdamW, {"lr": 0.05}),
        "adamw_amsgrad": (o.AdamW, {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
        "rmsprop": (o.RMSprop, {"lr": 0.02}),
        "rmsprop_all": (o.RMSprop, {"lr": 0.02, "alpha": 0.9, "momentum": 0.7, "centered": True, "weight_decay": 0.05}),
        "adagrad": (o.Adagrad, {"lr": 0.1}),
        "adagrad_all": (o.Adagrad, {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.05, "initial_accumulator_value": 0.2}),
        "lion": (Lion, {"lr": 0.02, "weight_decay": 0.1}),
    }
    for name, (make, options) in cases.items():
        pa, pb = a.clone().requires_grad_(), b.clone().requires_grad_()
        # b is a group of its own, with another rate.
        opt = make([{"params": [pa]}, {"params": [pb], "lr": options["lr"] * 0.5}], **options)
        steps_a, steps_b = [], []
        for t in range(10):
            pa.grad, pb.grad = ga[t].clone(), gb[t].clone()
            opt.step()
            steps_a.append(pa.detach().clone())
            steps_b.append(pb.detach().clone())
        keep(f"{name}/a", torch.stack(steps_a))
        keep(f"{name}/b", torch.stack(steps_b))

    pa, pb = a.clone().requires_grad_(), b.clone().requires_grad_()
    pa.grad, pb.grad = ga[0].clone(), gb[0].clone()
    keep("clip/norm", torch.nn.utils.clip_grad_norm_([pa, pb], 1.5))
    keep("clip/norm_a", pa.grad)
    keep("clip/norm_b", pb.grad)
    pa.grad, pb.grad = ga[0].clone(), gb[0].clone()
    torch.nn.utils.clip_grad_value_([pa, pb], 0.5)
    keep("clip/value_a", pa.grad)
    keep("clip/value_b", pb.grad)


def schedules():
    s = torch.optim.lr_scheduler
    measured = [3.0, 2.0, 2.0, 2.0, 2.1, 1.0, 3.2, 1.0, 1.0, 1.0, 1.0, 1.0]
    keep("plateau/measured", torch.tensor(measured, dtype=torch.float64))
    cases = {
        "step_lr": lambda o: s.StepLR(o, 3, 0.5), "exponential_lr": lambda o: s.ExponentialLR(o, 0.8),
        "cosine_lr": lambda o: s.CosineAnnealingLR(o, 8, eta_min=0.01),
        "one_cycle_lr": lambda o: s.OneCycleLR(o, 0.9, total_steps=14, cycle_momentum=False),
        "one_cycle_lr_linear": lambda o: s.OneCycleLR(o, 0.9, total_steps=13, pct_start=0.4, anneal_strategy="linear", div_factor=10,
                                                      final_div_factor=100, cycle_momentum=False),
        "warmup_lr": lambda o: s.LinearLR(o, start_factor=0.25, total_iters=5),
        "plateau": lambda o: s.ReduceLROnPlateau(o, factor=0.5, patience=2),
        "plateau_2": lambda o: s.ReduceLROnPlateau(o, mode="max", factor=0.1, patience=1, cooldown=2, threshold=0.1, threshold_mode="abs",
                                                   min_lr=0.004),
    }
    for name, make in cases.items():
        opt = torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)]}, {"params": [torch.zeros(1, requires_grad=True)], "lr": 0.2}],
                              lr=0.5)
        schedule, rates = make(opt), []
        rates.append([group["lr"] for group in opt.param_groups])
        for t in range(12):
            opt.step()
            schedule.step(measured[t]) if name.startswith("plateau") else schedule.step()
            rates.append([group["lr"] for group in opt.param_groups])
        keep(f"{name}/rates", torch.tensor(rates, dtype=torch.float64))


def layers():
    nn = torch.nn

    def stirred(module):
        """Parameters away from their first values, where ones and zeros hide errors."""
        with torch.no_grad():
            for v in module.parameters():
                v.add_(torch.randn(v.shape) * 0.3)
        return module

    image = torch.randn(3, 4, 2, 5) * 2 + 1
    layer("layer_norm", stirred(nn.LayerNorm([2, 5])), image)
    layer("rms_norm", stirred(nn.RMSNorm(5)), image)
    layer("group_norm", stirred(nn.GroupNorm(2, 4)), image)
    layer("instance_norm", nn.InstanceNorm2d(4), image)
    layer("batch_norm_1d", stirred(nn.BatchNorm1d(4)), image[:, :, 0, 0])
    layer("batch_norm_1d_long", stirred(nn.BatchNorm1d(4, momentum=0.3)), image[:, :, 0])
    layer("batch_norm_2d", stirred(nn.BatchNorm2d(4)), image)
    layer("bilinear", nn.Bilinear(3, 4, 2), torch.randn(5, 3), torch.randn(5, 4))
    layer("embedding", nn.Embedding(7, 3), torch.tensor([[1, 0, 6], [1, 1, 2]]))
    layer("embedding_padding", nn.Embedding(7, 3, padding_idx=1), torch.tensor([[1, 0, 6], [1, 1, 2]]))

    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3))
    for _ in range(3):
        net(torch.randn(10, 6) * 2 + 1)
    net.eval()
    x = torch.randn(4, 6)
    keep("network/x", x)
    keep("network/y", net(x))
    save_file(net.state_dict(), Path(__file__).with_name("network.safetensors"))

    class Attention(nn.MultiheadAttention):
        def __init__(self, mask):
            super().__init__(8, 2, batch_first=True)
            self.mask = mask

        def forward(self, q, k, v):
            return super().forward(q, k, v, need_weights=False, attn_mask=self.mask)[0]

    layer("attention", stirred(Attention(None)), torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.randn(2, 5, 8))
    later = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
    layer("attention_causal", stirred(Attention(later)), torch.randn(2, 4, 8), torch.randn(2, 4, 8), torch.randn(2, 4, 8))


def recurrent_layers():
    nn = torch.nn
    x = torch.randn(3, 5, 4)
    for kind, states in [("RNN", 1), ("GRU", 1), ("LSTM", 2)]:
        name = kind.lower()
        recurrent(name, getattr(nn, kind)(4, 6, batch_first=True), x)
        recurrent(f"{name}_deep", getattr(nn, kind)(4, 6, num_layers=2, batch_first=True), x, *torch.randn(states, 2, 3, 6))
        if kind == "LSTM":
            deep = nn.LSTM(4, 6, num_layers=2, batch_first=True)
            deep.load_state_dict({key: out[f"lstm_deep/{key}"] for key in deep.state_dict()})
            save_file(deep.state_dict(), Path(__file__).with_name("lstm.safetensors"))
        recurrent(f"{name}_cell", getattr(nn, kind + "Cell")(4, 6), x[:, 0], *torch.randn(states, 3, 6))


def convolutions():
    nn = torch.nn

    def case(name, module, *shape):
        layer(name, module, torch.randn(shape))

    case("conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), 2, 4, 9)
    case("conv2d", nn.Conv2d(3, 5, 3, padding=1), 2, 3, 6, 5)
    case("conv2d_all", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(2, 1), groups=2), 2, 4, 9, 6)
    case("conv2d_depthwise", nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), 2, 4, 5, 5)
    case("conv3d", nn.Conv3d(2, 3, (2, 3, 2), stride=(1, 2, 1), padding=(0, 1, 1)), 2, 2, 4, 5, 3)
    case("conv_transpose2d", nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), 2, 4, 4, 3)
    case("conv_transpose2d_all",
         nn.ConvTranspose2d(4, 6, (3, 2), stride=(3, 2), padding=(1, 0), output_padding=(2, 1), groups=2, bias=False, dilation=(1, 2)),
         2, 4, 4, 3)
    case("max_pool2d", nn.MaxPool2d(2), 2, 3, 6, 7)
    case("max_pool2d_all", nn.MaxPool2d((3, 2), stride=2, padding=1, dilation=(1, 2), ceil_mode=True), 2, 3, 8, 7)
    case("avg_pool2d", nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), 2, 3, 8, 7)
    case("avg_pool2d_inside", nn.AvgPool2d((2, 3), stride=(2, 1), padding=(1, 1), count_include_pad=False), 2, 3, 7, 6)
    case("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((2, 3)), 2, 3, 6, 7)
    case("adaptive_avg_pool2d_one", nn.AdaptiveAvgPool2d(1), 2, 3, 6, 7)

    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4))
    x = torch.randn(2, 1, 6, 6)
    for key, v in net.state_dict().items():
        keep(f"conv_net/{key}", v)
    net.eval()
    keep("conv_net/x", x)
    keep("conv_net/y", net(x))


def lbfgs():
    """Ten steps of four iterations each, in doubles: with and without a line search, and with a history that overflows."""
    x, y = torch.randn(8, 3, dtype=torch.double), torch.randn(8, dtype=torch.double)
    a, b = torch.randn(4, 3, dtype=torch.double), torch.randn(4, dtype=torch.double)
    out.update({"x": x, "y": y, "a": a, "b": b})
    cases = {
        "plain": {"lr": 0.2, "max_iter": 4},
        "strong_wolfe": {"max_iter": 4, "line_search_fn": "strong_wolfe"},
        "short_history": {"lr": 0.5, "max_iter": 4, "history_size": 3, "line_search_fn": "strong_wolfe"},
    }
    for name, options in cases.items():
        pa, pb = a.clone().requires_grad_(), b.clone().requires_grad_()
        opt = torch.optim.LBFGS([pa, pb], **options)

        def closure():
            opt.zero_grad()
            loss = ((torch.tanh(x @ pa.T) @ pb - y) ** 2).mean() + 0.01 * (pa**4).sum()
            loss.backward()
            return loss

        losses, steps_a, steps_b = [], [], []
        for _ in range(10):
            losses.append(opt.step(closure).detach().clone())
            steps_a.append(pa.detach().clone())
            steps_b.append(pb.detach().clone())
        out.update({f"{name}/loss": torch.stack(losses), f"{name}/a": torch.stack(steps_a), f"{name}/b": torch.stack(steps_b)})


def plain_layers():
    nn = torch.nn
    layer("linear", nn.Linear(5, 3), torch.randn(2, 4, 5))
    trained = nn.BatchNorm2d(4)
    with torch.no_grad():
        trained.weight.add_(torch.randn(4) * 0.3), trained.bias.add_(torch.randn(4))
    for _ in range(3):
        trained(torch.randn(3, 4, 2, 5) * 2 + 1)
    layer("batch_norm_2d_eval", trained.eval(), torch.randn(3, 4, 2, 5))


def grad_scaler():
    """Scales and values, step after step, of gradients among which some overflow; a growth interval of two."""
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.25)
    pulls = torch.randn(12, 3)
    pulls[1, 2], pulls[5, 0], pulls[6, 1] = 3e38, float("nan"), float("inf")  # the first overflows when it is scaled
    keep("grad_scaler/pulls", pulls)
    scales, values = [], []
    for pull in pulls:
        optimizer.zero_grad()
        scaler.scale((w * pull).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
        values.append(w.detach().clone())
    keep("grad_scaler/scales", torch.tensor(scales))
    keep("grad_scaler/values", torch.stack(values))


def every_layer():
    """The state of all layers that have one, each under its class's name."""
    nn = torch.nn
    net = nn.ModuleDict({
        "linear": nn.Linear(3, 2), "bilinear": nn.Bilinear(2, 3, 4), "conv1d": nn.Conv1d(2, 4, 3, groups=2), "conv2d": nn.Conv2d(2, 3, (3, 2)),
        "conv3d": nn.Conv3d(1, 2, 2, bias=False), "conv_transpose2d": nn.ConvTranspose2d(4, 6, (2, 3), groups=2),
        "batch_norm1d": nn.BatchNorm1d(3), "batch_norm2d": nn.BatchNorm2d(2), "layer_norm": nn.LayerNorm([2, 3]), "group_norm": nn.GroupNorm(2, 4),
        "rms_norm": nn.RMSNorm(3), "embedding": nn.Embedding(5, 2, padding_idx=1), "rnn": nn.RNN(2, 3, bidirectional=True),
        "lstm": nn.LSTM(2, 3, num_layers=2), "gru": nn.GRU(2, 3), "rnn_cell": nn.RNNCell(2, 3), "lstm_cell": nn.LSTMCell(2, 3),
        "gru_cell": nn.GRUCell(2, 3), "attention": nn.MultiheadAttention(4, 2), "encoder": nn.TransformerEncoderLayer(4, 2, 6),
        "decoder": nn.TransformerDecoderLayer(4, 2, 6), "blocks": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]),
        "chain": nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Dropout(), nn.Linear(3, 2))),
    })
    net["batch_norm1d"](torch.randn(4, 3))
    net["batch_norm2d"](torch.randn(4, 2, 2, 2))
    save_file(net.state_dict(), Path(__file__).with_name("every_layer.safetensors"))


def both_ways():
    """A file of its own: layers that go both ways, and CTC."""
    nn = torch.nn
    for kind, states in [("RNN", 1), ("GRU", 1), ("LSTM", 2)]:
        module = getattr(nn, kind)(3, 4, num_layers=2, bidirectional=True, batch_first=True)
        recurrent(f"{kind.lower()}_both", module, torch.randn(2, 5, 3), *torch.randn(states, 4, 2, 4))


def sequences():
    """A file of its own: rectified RNNs, sequences of different lengths, and CTC's targets one behind the other."""
    nn = torch.nn
    x, lengths = torch.randn(4, 5, 3), torch.tensor([3, 5, 1, 4])
    keep("lengths", lengths)
    recurrent("rnn_relu", nn.RNN(3, 4, nonlinearity="relu", batch_first=True), x)
    recurrent("rnn_relu_cell", nn.RNNCell(3, 4, nonlinearity="relu"), x[:, 0], torch.randn(4, 4))
    for kind, states in [("RNN", 1), ("GRU", 1), ("LSTM", 2)]:
        name = kind.lower()
        recurrent(f"{name}_lengths", getattr(nn, kind)(3, 4, batch_first=True), x, lengths=lengths)
        module = getattr(nn, kind)(3, 4, num_layers=2, bidirectional=True, batch_first=True)
        recurrent(f"{name}_lengths_both", module, x, *torch.randn(states, 4, 4, 4), lengths=lengths)
    recurrent("rnn_relu_lengths", nn.RNN(3, 4, num_layers=2, nonlinearity="relu", bidirectional=True, batch_first=True), x, lengths=lengths)

    logits, counts = torch.randn(6, 4, 5) * 2, torch.tensor([2, 0, 3, 1])
    labels, steps = torch.tensor([1, 2, 4, 4, 3, 2]), torch.tensor([6, 5, 6, 4])
    for name, value in [("x", logits), ("labels", labels), ("steps", steps), ("lengths", counts)]:
        keep(f"ctc_joined/{name}", value)
    leaf = logits.clone().requires_grad_()
    loss = F.ctc_loss(F.log_softmax(leaf, 2), labels, steps, counts)
    loss.backward()
    keep("ctc_joined/mean", loss)
    keep("ctc_joined/d_mean", leaf.grad)


def ctc():
    # Rows: plain, a repeat, no label, a repeat that does not fit, fewer steps, no step.
    labels = torch.tensor([[1, 2, 3], [2, 2, 4], [0, 0, 0], [3, 3, 3], [4, 1, 0], [1, 2, 3]])
    steps, lengths = torch.tensor([6, 6, 6, 4, 3, 2]), torch.tensor([3, 3, 0, 3, 2, 3])
    logits = torch.randn(6, 6, 5) * 2
    keep("ctc/x", logits)
    for name, value in [("labels", labels), ("steps", steps), ("lengths", lengths)]:
        keep(f"ctc/{name}", value)
    each = F.ctc_loss(F.log_softmax(logits, 2), labels, steps, lengths, reduction="none")
    keep("ctc/none", each)
    for how in ["mean", "sum"]:
        leaf = logits.clone().requires_grad_()
        loss = F.ctc_loss(F.log_softmax(leaf, 2), labels, steps, lengths, reduction=how, zero_infinity=True)
        loss.backward()
        keep(f"ctc/{how}", loss)
        keep(f"ctc/d_{how}", leaf.grad)
    ten_steps([leaf], lambda: F.ctc_loss(F.log_softmax(leaf, 2), labels, steps, lengths, reduction="sum", zero_infinity=True), 0.1)
    keep("ctc/ten_0", leaf)
    keep("ctc/last_blank", F.ctc_loss(F.log_softmax(logits[:, :2], 2), labels[:2] - 1, steps[:2], lengths[:2], blank=4, reduction="none"))


def transformers():
    nn = torch.nn
    form = dict(d_model=8, nhead=2, dim_feedforward=12, dropout=0.0, batch_first=True)
    x, memory = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    later = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    padded = torch.tensor([[False, False, False, True, True], [False, True, False, False, True]])
    memory_padded = torch.tensor([[False, True, False, False], [False, False, False, True]])
    added = torch.randn(5, 5)
    for key, v in dict(padded=padded, memory_padded=memory_padded).items():
        keep(key, v)
    keep("added", added)
    transformer("encoder", nn.TransformerEncoderLayer(**form), [x])
    transformer("encoder_masked", nn.TransformerEncoderLayer(**form, activation="gelu", norm_first=True), [x], src_mask=later,
                src_key_padding_mask=padded)
    transformer("encoder_added", nn.TransformerEncoderLayer(**form), [x], src_mask=added)
    transformer("decoder", nn.TransformerDecoderLayer(**form), [x, memory], tgt_mask=later, memory_key_padding_mask=memory_padded)
    transformer("decoder_first", nn.TransformerDecoderLayer(**form, activation="gelu", norm_first=True), [x, memory])
    encoder = nn.TransformerEncoderLayer(**form)
    encoder.load_state_dict({key: out[f"encoder/{key}"] for key in encoder.state_dict()})
    save_file(encoder.state_dict(), Path(__file__).with_name("encoder.safetensors"))


for name, seed, parts in (
    ("reference", 0, [activations, losses, optimizers, schedules, layers, recurrent_layers]), ("conv", 1, [convolutions]), ("lbfgs", 2, [lbfgs]),
    ("plain_layers", 3, [plain_layers]), ("recurrent", 1, [both_ways, ctc]), ("transformer", 1, [transformers]), ("sequences", 4, [sequences]),
    ("training", 5, [grad_scaler, every_layer]),
):
    torch.manual_seed(seed)
    for part in parts:
        part()
    write(f"{name}.safetensors")
