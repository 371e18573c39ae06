"""gpt.py WEIGHTS [--steps N]: examples/05-gpt in PyTorch, from the same first weights and with the same settings, for its validation loss.

WEIGHTS: what `05-gpt --steps 0 --save WEIGHTS` wrote. Needs torch and safetensors. The windows of each step are others, drawn by PyTorch. Run by hand;
docs/benchmarks.md has what came out.
"""
import argparse
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

SYMBOLS, WIDTH, HEADS, CONTEXT = 256, 128, 4, 128


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(SYMBOLS, WIDTH)
        self.position = nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, dropout=0, activation="gelu", batch_first=True, norm_first=True) for _ in range(4))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, SYMBOLS)

    def forward(self, text):
        x = self.token(text) + self.position.weight
        mask = nn.Transformer.generate_square_subsequent_mask(CONTEXT)
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=True)
        return self.head(self.norm(x))


def read_text(folder):
    files = [Path(folder)] if Path(folder).is_file() else sorted(f for f in Path(folder).iterdir() if f.is_file() and not f.is_symlink() and not f.suffix)
    return torch.tensor(list(b"".join(f.read_bytes() for f in files)), dtype=torch.uint8)


def windows(text, places):
    at = torch.as_tensor(places)[:, None] + torch.arange(CONTEXT + 1)
    w = text[at].long()
    return w[:, :-1], w[:, 1:]


def loss_of(net, read, following):
    return F.cross_entropy(net(read).reshape(-1, SYMBOLS), following.reshape(-1))


def validation_loss(net, text):
    room = len(text) - CONTEXT
    places = [max(CONTEXT, room // 64) * i for i in range(64) if i * CONTEXT < room]
    net.eval()
    with torch.no_grad():
        loss = loss_of(net, *windows(text, places)).item()
    net.train()
    return loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("--text", default="/usr/share/games/fortunes")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.manual_seed(o.seed)
    torch.set_num_threads(o.threads)
    text = read_text(o.text)
    training, validation = text[: len(text) - len(text) // 10], text[len(text) - len(text) // 10:]
    net = Gpt()
    net.load_state_dict(load_file(o.weights))
    optimizer = torch.optim.AdamW(net.parameters(), lr=o.lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=o.lr, total_steps=o.steps, pct_start=0.1, cycle_momentum=False)
    print(f"{len(text)} bytes; before: validation loss {validation_loss(net, validation):.4f}", flush=True)
    begin = time.monotonic()
    for step in range(1, o.steps + 1):
        loss = loss_of(net, *windows(training, torch.randint(len(training) - CONTEXT, (o.batch,))))
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1)
        optimizer.step()
        optimizer.zero_grad()
        if step < o.steps:
            schedule.step()
        if step % 500 == 0 or step == o.steps:
            print(f"step {step}: validation loss {validation_loss(net, validation):.4f}, {time.monotonic() - begin:.0f} s", flush=True)


main()
