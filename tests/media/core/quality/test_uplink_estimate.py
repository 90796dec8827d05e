from mediaserver.media.core.quality.uplink_estimate import BandwidthEstimator, QueueDelay, ReceiveRate


class Uplink:
    """A sender that uses all it is allowed, up to its own wish, through a link of `capacity_bps`."""

    def __init__(self, capacity_bps: float, wish_bps: float = 2_500_000, times: bool = True) -> None:
        self.estimator = BandwidthEstimator(300_000, maximum_bps=3_000_000)
        self.capacity_bps, self.wish_bps, self.times = capacity_bps, wish_bps, times
        self.now = 1000.0
        self.queue_s = 0.0
        self.history: list[int] = []

    def run(self, seconds: float, loss: float = 0.0) -> int:
        for _ in range(round(seconds * 5)):
            rate_bps = min(self.estimator.estimate_bps, self.wish_bps)
            count = max(1, round(rate_bps * 0.2 / 9600))
            for step in range(count):
                sent = self.now + 0.2 * step / count
                self.queue_s = min(1.0, max(0.0, self.queue_s + 9600 / self.capacity_bps - 0.2 / count))
                stamp = int(sent * (1 << 18)) & 0xFFFFFF if self.times else None
                self.estimator.packet(1200, stamp, sent + 0.03 + self.queue_s)
            self.now += 0.2
            self.history.append(self.estimator.update(loss, self.now + 0.03 + self.queue_s))
        return self.history[-1]


def test_a_sender_ramps_up_to_its_wish_within_15_s_and_never_over_the_maximum() -> None:
    assert Uplink(100e6).run(15) > 1_500_000
    assert Uplink(100e6, wish_bps=9e6).run(60) == 3_000_000


def test_without_send_times_it_ramps_up_as_well() -> None:
    assert Uplink(100e6, times=False).run(20) > 2_500_000


def test_it_does_not_grow_far_beyond_what_arrives() -> None:
    assert Uplink(100e6, wish_bps=200_000).run(60) < 450_000


def test_a_growing_queue_keeps_it_near_the_link() -> None:
    uplink = Uplink(1_000_000)
    uplink.run(60)
    settled = uplink.history[100:]
    assert max(settled) < 1_600_000
    assert 600_000 < sum(settled) / len(settled) < 1_200_000


def test_heavy_loss_lowers_it_and_light_loss_holds_it() -> None:
    uplink = Uplink(100e6)
    before = uplink.run(20)
    assert uplink.run(5, loss=0.05) == before
    assert uplink.run(5, loss=0.3) < before / 2
    assert uplink.run(60, loss=0.5) == 100_000


def test_the_delay_survives_the_wrap_of_the_send_time() -> None:
    delay = QueueDelay()
    for step in range(2000):
        sent = 60.0 + step * 0.02  # wraps at 64 s
        delay.packet(int(sent * (1 << 18)) & 0xFFFFFF, sent + 7.0)
    assert delay.seconds < 0.001
    for step in range(100):
        sent = 100.0 + step * 0.02
        delay.packet(int(sent * (1 << 18)) & 0xFFFFFF, sent + 7.2)
    assert 0.19 < delay.seconds < 0.21


def test_the_received_rate() -> None:
    rate = ReceiveRate()
    assert rate.bps(0.0) == 0.0
    for step in range(101):
        rate.packet(1000, step * 0.01)
    assert 800_000 <= rate.bps(1.0) <= 810_000
    assert 800_000 <= rate.bps(1.5) <= 810_000
    assert rate.bps(2.0) == 0.0
