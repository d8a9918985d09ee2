"""The whole team's decision as one computation: what is compiled, and what runs where nothing is.

Four networks run as two pairs of equal shape: coordinator and triage see what they see as a whole, hunter and
responder the same few entries of every segment. Each layer of a pair is one batched product.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from agent_zoo.hmarl_soc.coordinator import NUM_DIRECTIVES, directives
from agent_zoo.hmarl_soc.team import HMARLSOC
from agent_zoo.learning.segments import SegmentNetwork
from soc_env.team import (
    CONTROL_SIZES,
    CONTROL_SLICES,
    COORDINATOR,
    HUNTER,
    JOINT_OBSERVATION_SIZE,
    NUM_VERDICTS,
    OBSERVATION_SLICES,
    RESPONDER,
    TRIAGE,
)


class Layers(nn.Module):
    """Two networks of equal layers side by side: inputs (2, rows, entries) to outputs (2, rows, numbers)."""

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Args: layers: weights (2, inputs, outputs) and biases (2, 1, outputs) of each."""
        super().__init__()
        self.weights = nn.ParameterList(nn.Parameter(weight, requires_grad=False) for weight, _ in layers)
        self.biases = nn.ParameterList(nn.Parameter(bias, requires_grad=False) for _, bias in layers)

    def forward(self, rows: Tensor) -> Tensor:
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            rows = torch.baddbmm(bias, rows, weight)
            if index < last:
                rows = rows.relu()
        return rows


class FusedTeam(nn.Module):
    """HMARL-SOC's greedy decision, with the directive that it holds for K steps as input and output.

    Args:
        policy: the team; its tier 1 must have learned, since directives that are drawn are no computation.

    Raises:
        ValueError: its tier 1 has not.
    """

    index: Tensor
    mean: Tensor
    inverse_std: Tensor
    directives: Tensor

    def __init__(self, policy: HMARLSOC) -> None:
        super().__init__()
        config, actors = policy.config, policy.actors
        if not config.coordinator.learns:
            raise ValueError("policy must have coordinator.learns: true, got one that draws its directives")
        self.interval = config.coordinator.interval
        self.scale = config.action_scale
        self.segments = len(actors.hunter.body.own)
        normalizer = actors.normalizer
        memory = normalizer.memory()
        whole = {
            COORDINATOR: _entries(COORDINATOR, memory),
            TRIAGE: _entries(TRIAGE, memory),
        }
        own = {
            agent: OBSERVATION_SLICES[agent].start + body.own.flatten()
            for agent, body in ((HUNTER, actors.hunter.body), (RESPONDER, actors.responder.body))
        }
        self.whole_width = max(map(len, whole.values()))
        self.own_width = max(map(len, own.values()))
        chosen = [
            *(_padded_with_repeats(whole[agent], self.whole_width) for agent in (COORDINATOR, TRIAGE)),
            *(_padded_with_repeats(own[agent], self.own_width) for agent in (HUNTER, RESPONDER)),
        ]
        index = torch.cat(chosen)
        self.register_buffer("index", index)
        self.register_buffer("mean", normalizer.mean[index])
        self.register_buffer("inverse_std", (normalizer.variance[index] + 1e-8).rsqrt())
        self.limit = normalizer.LIMIT
        self.register_buffer("directives", directives())
        self.deciders = Layers(
            _side_by_side(
                _plain(actors.coordinator.body, whole[COORDINATOR] - OBSERVATION_SLICES[COORDINATOR].start),
                _plain(actors.triage.body, whole[TRIAGE] - OBSERVATION_SLICES[TRIAGE].start),
                [memory[whole[COORDINATOR]], memory[whole[TRIAGE]]],
            )
        )
        hunter, hunter_rest = _of_segments(actors.hunter.body, memory[own[HUNTER]])
        responder, responder_rest = _of_segments(actors.responder.body, memory[own[RESPONDER]])
        self.begin = Layers(_stacked([hunter], [responder]))
        self.end = Layers(_stacked(hunter_rest, responder_rest))
        # The second half of what the hunter's network says is about its noise.
        self.groups = {HUNTER: len(hunter_rest[-1][1]) // 2, RESPONDER: len(responder_rest[-1][1])}

    def forward(self, observation: Tensor, directive: Tensor, age: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One decision of every lane.

        Args:
            observation: joint ones, float32 (n, 352).
            directive: the one in force, float32 (n, 8).
            age: for how many steps it has been, int64 (n,); at least K where an episode begins.

        Returns:
            The controls of coordinator, hunter and responder, float32 (n, 36), of which 8 are the directive
            in force now; verdicts int64 (n,); ages int64 (n,).
        """
        count = observation.shape[0]
        seen = observation.index_select(1, self.index)
        seen = ((seen - self.mean) * self.inverse_std).clamp(-self.limit, self.limit)
        whole, own = seen.split([2 * self.whole_width, 2 * self.own_width], -1)
        scores = self.deciders(whole.unflatten(-1, (2, -1)).transpose(0, 1))
        choice, verdict = scores[0, :, :NUM_DIRECTIVES].argmax(-1), scores[1, :, :NUM_VERDICTS].argmax(-1)
        begun = self.begin(own.unflatten(-1, (2, -1)).transpose(0, 1)).relu()
        numbers = self.end(begun.reshape(2, count * self.segments, -1))
        numbers = torch.tanh(self.scale * numbers).view(2, count, self.segments, -1).transpose(-1, -2)
        due = age >= self.interval
        directive = torch.where(due[:, None], self.directives.index_select(0, choice), directive)
        controls = [directive]
        for place, agent in enumerate((HUNTER, RESPONDER)):
            used = numbers[place, :, : self.groups[agent]].flatten(1)
            controls.append(nn.functional.pad(used, (0, CONTROL_SIZES[agent] - used.shape[-1])))
        return torch.cat(controls, -1), verdict, torch.where(due, 0, age) + 1


def example_inputs(lanes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs of `FusedTeam.forward` for that many lanes, to trace it with."""
    width = CONTROL_SLICES[COORDINATOR].stop
    age = torch.zeros(lanes, dtype=torch.int64, device="cpu")
    observation = age.new_zeros((lanes, JOINT_OBSERVATION_SIZE), dtype=torch.float32)
    return observation, observation.new_zeros(lanes, width), age


def _entries(agent: str, memory: Tensor) -> Tensor:
    """Numbers of the agent's joint entries that are not always 0."""
    part = OBSERVATION_SLICES[agent]
    return part.start + memory[part].nonzero().squeeze(-1)


def _padded_with_repeats(entries: Tensor, width: int) -> Tensor:
    """`width` entries; those too many get weights of 0."""
    return torch.cat([entries, entries.new_full((width - len(entries),), int(entries[0]))])


Layer = tuple[Tensor, Tensor]  # weight (inputs, outputs), bias (outputs,)


def _linears(body: nn.Module) -> list[Layer]:
    return [(m.weight.detach().T, m.bias.detach()) for m in body.modules() if isinstance(m, nn.Linear)]


def _plain(body: nn.Sequential, entries: Tensor) -> list[Layer]:
    (weight, bias), *rest = _linears(body)
    return [(weight[entries], bias), *rest]


def _side_by_side(one: list[Layer], other: list[Layer], memories: Sequence[Tensor]) -> list[Layer]:
    """The coordinator's and the triage's layers; of the triage's outputs only the advantages decide."""
    (weight, bias) = other[-1]
    layers = [one, [*other[:-1], (weight[:, 1:], bias[1:])]]
    for network, memory in zip(layers, memories, strict=True):
        network[0] = (network[0][0] * memory[:, None], network[0][1])
    return _stacked(*layers)


def _of_segments(body: SegmentNetwork, memory: Tensor) -> tuple[Layer, list[Layer]]:
    """The first layer, of all segments' entries for all segments at once, and the layers of each segment."""
    segments = len(body.own)
    means = body.mean_weight.repeat(segments, segments) / segments
    each = torch.eye(segments, dtype=means.dtype, device=means.device)
    weight = (torch.kron(each, body.own_weight) + means).detach()
    return (weight * memory[:, None], body.which.detach().flatten()), _linears(body.rest)


def _stacked(*networks: Sequence[Layer]) -> list[Layer]:
    """Layers of two networks as weights (2, inputs, outputs) and biases (2, 1, outputs), filled up with 0."""
    layers = []
    for (weight, bias), (other_weight, other_bias) in zip(*networks, strict=True):
        inputs, outputs = (max(pair) for pair in zip(weight.shape, other_weight.shape, strict=True))
        weights = [_grown(each, inputs, outputs) for each in (weight, other_weight)]
        biases = [nn.functional.pad(each, (0, outputs - len(each))) for each in (bias, other_bias)]
        layers.append((torch.stack(weights).contiguous(), torch.stack(biases)[:, None].contiguous()))
    return layers


def _grown(weight: Tensor, inputs: int, outputs: int) -> Tensor:
    return nn.functional.pad(weight, (0, outputs - weight.shape[1], 0, inputs - weight.shape[0]))
