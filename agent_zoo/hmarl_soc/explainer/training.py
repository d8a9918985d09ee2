"""Training an attention to be faithful: what it ranks high must make the decision, what it ranks low not.

Entries are removed by giving them the values of another observation that the team met, drawn anew every
time, so that what is left is judged among values that occur. (Zeros would be inputs that no agent ever saw.)
For a random number k of entries, those k that rank highest are kept and the rest removed, and the other way
round. The loss is how far the decision then lies

- from the one on the whole observation, where the k are kept: as near as possible (insertion);
- from it, where the k are removed: no nearer than with everything removed (deletion). Further away is not
  asked for: a mixture that no observation resembles can drive a network anywhere.

Ranks have no gradient, so the ranking is drawn by the Gumbel-top-k trick (Kool et al. 2019) with the
logarithms of the attention, and its k-th place is a smooth step, as in Xie and Ermon (2019). The gradient
goes through the agent's network, which stays as it is. Learning such a mask for all observations at once is
the idea of L2X (Chen et al. 2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from agent_zoo.hmarl_soc.explainer.attention import AttentionExplainer
from agent_zoo.hmarl_soc.explainer.config import ExplainerConfig
from agent_zoo.hmarl_soc.explainer.decisions import decisions
from agent_zoo.hmarl_soc.explainer.team import TeamExplainer
from agent_zoo.hmarl_soc.team import HMARLSOC
from agent_zoo.learning.draws import integers, uniform
from agent_zoo.learning.networks import descend
from soc_env.team import OBSERVATION_SLICES

Weigh = Callable[[Tensor], Tensor]


def train_explainer(
    policy: HMARLSOC,
    observations: Tensor,
    *,
    seed: int,
    config: ExplainerConfig | None = None,
    progress: Callable[[float], None] | None = None,
) -> TeamExplainer:
    """Attention for every agent of a team whose decision depends on what it sees.

    Args:
        policy: the team, which is not changed.
        observations: (n, 352) that it met, float32; some 10,000, of many episodes.
        seed: of all chance; equal arguments give equal explainers.
        config: None takes the defaults.
        progress: called after every update of an agent with the part of the whole work, 0 to 1, that is done.

    Raises:
        ValueError: fewer than two observations.
    """
    if len(observations) < 2:
        raise ValueError(f"observations must be at least 2, got {len(observations)}")
    config = config or ExplainerConfig()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small networks only lose by more, and sums would depend on their number
    try:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            seen = policy.actors.normalizer(observations)
        found = decisions(policy.actors, policy.env_id)
        attentions = {}
        for index, (agent, decision) in enumerate(found.items()):
            own = seen[:, OBSERVATION_SLICES[agent]]
            if decision.is_constant(own):
                continue

            def on_update(count: int, index: int = index) -> None:
                if progress is not None:
                    progress((index + count / config.updates) / len(found))

            attentions[agent] = train_attention(decision.weigh, own, config, generator, on_update)
    finally:
        torch.set_num_threads(threads)
    return TeamExplainer(policy, attentions, observations.mean(0), config, len(observations))


def train_attention(
    weigh: Weigh,
    seen: Tensor,
    config: ExplainerConfig,
    generator: torch.Generator,
    on_update: Callable[[int], None] = lambda count: None,
) -> AttentionExplainer:
    """An attention that explains `weigh`.

    Args:
        weigh: (batch, entries) to a decision (batch, numbers), differentiable.
        seen: (n, entries) to learn from.
        config: sizes and training.
        generator: the only source of chance.
        on_update: called with the number of updates so far.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    attention = AttentionExplainer(seen.shape[1], config, generator)
    optimizer = torch.optim.Adam(attention.parameters(), config.learning_rate)
    with torch.no_grad():
        # How far apart decisions are makes losses, and so the steps of training, alike for all agents.
        one, other = (weigh(_draw(seen, 2048, generator)) for _ in range(2))
        unit = _distance(one, other).mean()
    for update in range(config.updates):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * (1 + math.cos(math.pi * update / config.updates)) / 2
        drawn = _draw(seen, config.observations, generator)
        loss = unfaithfulness(weigh, attention, drawn, seen, config, generator) / unit
        descend([optimizer], loss, math.inf, "the explainer's loss")
        on_update(update + 1)
    return attention


def unfaithfulness(
    weigh: Weigh,
    attention: AttentionExplainer,
    seen: Tensor,
    background: Tensor,
    config: ExplainerConfig,
    generator: torch.Generator,
) -> Tensor:
    """The objective (see above), in the decision's units; arguments as for `train_attention`.

    Args:
        seen: (batch, entries) to explain.
        background: (n, entries), where removed entries get their values.
    """
    places = attention.log_importance(seen).repeat_interleave(config.removals, 0)
    seen = seen.repeat_interleave(config.removals, 0)
    other = _draw(background, len(seen), generator)
    kept = relaxed_top_k(places, config.temperature, generator)
    with torch.no_grad():
        decided, nothing_left = weigh(seen), weigh(other)
    insertion = _distance(weigh(kept * seen + (1 - kept) * other), decided)
    deletion = _distance(weigh((1 - kept) * seen + kept * other), decided)
    return (insertion + torch.relu(_distance(nothing_left, decided) - deletion)).mean()


def relaxed_top_k(places: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Which entries rank among the first k, from 0 to 1, for a random k in every row.

    Small k are drawn more often (log-uniformly): where the first places matter, one place more or less
    changes much.

    Args:
        places: (rows, entries), logarithms of the probabilities of being the first.
    """
    rows, entries = places.shape
    exponent = uniform((rows, 1), generator)
    k = (exponent * math.log(entries)).exp().long().clamp(1, max(1, entries - 1))
    chance = uniform(places.shape, generator).clamp(1e-9, 1 - 1e-7)
    drawn = places - (-chance.log()).log()
    ordered = drawn.detach().sort(-1, descending=True).values
    step = (ordered.gather(-1, k - 1) + ordered.gather(-1, k.clamp_max(entries - 1))) / 2
    return torch.sigmoid((drawn - step) / temperature)


def _draw(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return rows[integers(len(rows), count, generator)]


def _distance(one: Tensor, other: Tensor) -> Tensor:
    """Euclidean, with a gradient at 0."""
    return ((one - other).square().sum(-1) + 1e-12).sqrt()
