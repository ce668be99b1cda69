"""Other libraries' layers compute what ours do, and need the memory that is said of them."""

import dataclasses

import pytest
import torch

from seq2exp.bench import peers
from seq2exp.bench.measure import peak_memory
from seq2exp.bench.peers import PEERS, TOLERANCE, difference, with_peer, with_scan
from seq2exp.bench.runs import infer, network, random_windows, run_mixer
from seq2exp.bench.scan import problem, scans_of_peers
from seq2exp.model.config import ModelConfig
from seq2exp.model.scan import selective_scan
from seq2exp.model.seq2exp import Seq2Exp

ON_CPU = [name for name, peer in PEERS.items() if "cpu" in peer.devices]


@pytest.fixture(params=ON_CPU)
def peer(request):
    found = PEERS[request.param]
    if missing := found.missing("cpu"):
        pytest.skip(f"{request.param} is {missing}")
    return found


@pytest.fixture(scope="module")
def model():
    """A network whose directions, layers and networks all differ and matter."""
    torch.manual_seed(1)
    model = Seq2Exp(ModelConfig.soft("tiny", width=24, generator_layers=2, init_depth=1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def test_peers_compute_what_we_do(peer, model):
    other = with_peer(model, peer)
    assert difference(model, other, 600) < TOLERANCE
    windows = random_windows(2_000, 2, "cpu")
    assert torch.allclose(infer(other, windows), infer(model, windows), atol=1e-5)


def test_directions_that_are_exchanged_are_noticed(peer, model):
    other = with_peer(model, peer)
    mixer = other.encoder.layers[-1].mixer
    mixer.mamba_fwd, mixer.mamba_rev = mixer.mamba_rev, mixer.mamba_fwd
    assert difference(model, other, 600) > 100 * TOLERANCE


def test_scans_of_peers_compute_what_ours_does(peer):
    tensors = problem(300, 2, "cpu")
    expected = selective_scan(*tensors)
    found = scans_of_peers()[peer.name](*tensors)
    assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))


def test_memory_is_about_what_a_layer_takes(peer):
    """Beyond what it takes to load the library and run a short window."""
    config, short, long = ModelConfig.soft("paper"), 500, 9_000  # the next power of 2 is 16,384
    little, much = (
        peak_memory(run_mixer, peer=peer.name, size="paper", length=length, batch=1, device="cpu")
        for length in (short, long)
    )
    expected = peer.memory(config, long) - peer.memory(config, short)
    assert much.total - little.total == pytest.approx(expected, rel=0.2)


def test_a_peer_that_is_not_there_says_how_to_get_it():
    gone = dataclasses.replace(PEERS["mambapy"], module="no_such_library.mamba")
    assert gone.missing("cpu") == "not installed; pip install -e '.[bench]'"
    assert PEERS["mamba_ssm"].missing("cpu") == "does not run on cpu"


def test_padding_is_refused(peer, model):
    mixer = with_peer(model, peer).generator.layers[0].mixer
    with pytest.raises(ValueError, match="whole sequences"):
        mixer(torch.zeros(1, 8, 24), torch.ones(1, 8, 1))


def test_copies_leave_the_network_as_it_was(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    other = with_scan(model, "torch")
    assert [backbone.scan for backbone in peers.backbones(other)] == ["torch", "torch"]
    assert [backbone.scan for backbone in peers.backbones(model)] == ["auto", "auto"]
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_shared_backbone_counts_once():
    hard = network("hard", "tiny", 2_000, "cpu")
    assert peers.backbones(hard) == [hard.generator]
