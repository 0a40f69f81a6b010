"""Networks over sequences, shaped as the well-known ones, from torch alone."""
import math

import torch
from torch import nn

VOCABULARY = 97


class Attention(nn.Module):
    """Heads as BERT and GPT-2 compute them; `causal` keeps what comes later
    out by a stored triangle."""

    def __init__(self, width, heads, causal=False, length=64):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.causal = causal
        triangle = torch.tril(torch.ones(length, length, dtype=torch.bool))
        self.register_buffer('triangle', triangle.view(1, 1, length, length))

    def split(self, x):
        shape = x.size()[:-1] + (self.heads, self.size)
        return x.view(shape).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        query = self.split(self.query(x))
        key, value = self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(query, key.transpose(-1, -2))
        scores = scores / math.sqrt(self.size)
        if self.causal:
            steps = scores.size(-1)
            scores = torch.where(self.triangle[:, :, :steps, :steps], scores,
                                 torch.tensor(-1e4))
        weights = torch.softmax(scores + mask, dim=-1)
        mixed = torch.matmul(weights, value).permute(0, 2, 1, 3).contiguous()
        return self.out(mixed.view(mixed.size()[:-2] + (-1,)))


def tanh_gelu(x):
    return 0.5 * x * (1 + torch.tanh(
        math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))


def additive(mask):
    """0 where a token counts, -10000 where it is padding."""
    wide = mask[:, None, None, :].to(torch.float32)
    return (1.0 - wide) * -10000.0


class EncoderLayer(nn.Module):
    """BERT: norms after the sums, exact GELU."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = Attention(width, heads)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x, mask):
        x = self.first(x + self.attention(x, mask))
        return self.second(
            x + self.down(nn.functional.gelu(self.up(x))))


class Bert(nn.Module):
    def __init__(self, width=48, heads=4, layers=3, length=32, classes=5):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, width)
        self.places = nn.Embedding(length, width)
        self.types = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads) for _ in range(layers))
        self.pooler = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)
        self.register_buffer('positions', torch.arange(length).view(1, -1))

    def forward(self, input_ids, attention_mask, token_type_ids):
        steps = input_ids.size(1)
        x = self.words(input_ids) + self.types(token_type_ids)
        x = self.norm(x + self.places(self.positions[:, :steps]))
        mask = additive(attention_mask)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(torch.tanh(self.pooler(x[:, 0])))


class DecoderLayer(nn.Module):
    """GPT-2: norms before, the tanh form of GELU."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = Attention(width, heads, causal=True)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x, mask):
        x = x + self.attention(self.first(x), mask)
        return x + self.down(tanh_gelu(self.up(self.second(x))))


class Gpt2(nn.Module):
    """Logits of every place; the words' table is also the head's weight."""

    def __init__(self, width=48, heads=4, layers=3, length=64):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, width)
        self.places = nn.Embedding(length, width)
        self.layers = nn.ModuleList(
            DecoderLayer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, input_ids, attention_mask):
        places = attention_mask.cumsum(-1) - 1
        places = places.masked_fill(attention_mask == 0, 1)
        x = self.words(input_ids) + self.places(places)
        for layer in self.layers:
            x = layer(x, additive(attention_mask))
        return torch.matmul(self.norm(x), self.words.weight.transpose(0, 1))


class Recurrent(nn.Module):
    """Words through a recurrent layer, both ways, to a class: by the outputs
    of all steps, or by the last states alone."""

    def __init__(self, kind, last=False, width=24, hidden=32, classes=5):
        super().__init__()
        self.last = last
        self.words = nn.Embedding(VOCABULARY, width)
        self.layers = kind(width, hidden, num_layers=2, batch_first=True,
                           bidirectional=True)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, input_ids):
        states, last = self.layers(self.words(input_ids))
        if self.last:
            last = last[0] if isinstance(last, tuple) else last
            return self.head(torch.cat((last[-2], last[-1]), 1))
        return self.head(states[:, -1] + states.mean(1))


def ids(samples, steps):
    return torch.randint(0, VOCABULARY, (samples, steps))


def mask(samples, steps):
    """Padding behind every sample but the first."""
    lengths = torch.tensor([steps - 3 * i for i in range(samples)])
    return (torch.arange(steps)[None, :] < lengths[:, None]).long()


def bert(samples):
    types = (torch.arange(17)[None, :] > 7).long().repeat(samples, 1)
    return Bert(), {'input_ids': ids(samples, 17),
                    'attention_mask': mask(samples, 17),
                    'token_type_ids': types}


def gpt2(samples):
    return Gpt2(), {'input_ids': ids(samples, 19),
                    'attention_mask': mask(samples, 19)}


def lstm(samples):
    return Recurrent(nn.LSTM), {'input_ids': ids(samples, 37)}


def lstm_last(samples):
    return Recurrent(nn.LSTM, True), {'input_ids': ids(samples, 37)}


def gru(samples):
    return Recurrent(nn.GRU), {'input_ids': ids(samples, 37)}


def rnn(samples):
    return Recurrent(nn.RNN, True), {'input_ids': ids(samples, 37)}


SEQUENCES = {'bert': bert, 'gpt2': gpt2, 'lstm': lstm, 'lstm_last': lstm_last,
             'gru': gru, 'rnn': rnn}
