from mediaserver.recording.capture.disk_guard import Decision, Running, decide

MB = 1_000_000
GB = 1000 * MB
RESERVE = 200 * MB


def test_with_much_room_nothing_happens() -> None:
    assert decide(100 * GB, RESERVE, [Running("A", GB, MB), Running("B", 0, 10 * MB)], 0.0) == Decision()


def test_without_recordings_nothing_happens_on_a_full_disk() -> None:
    assert decide(0, RESERVE, [], 0.0) == Decision()


def test_the_one_that_writes_most_is_warned_first_and_the_others_go_on() -> None:
    running = [Running("small", 10 * MB, MB), Running("runaway", 100 * MB, 10 * MB), Running("tiny", 0, 50_000)]
    # 120 s of all three, and three times what the largest would have then: 5,226 MB.
    assert decide(RESERVE + 5_300 * MB, RESERVE, running, 0.0) == Decision()
    assert decide(RESERVE + 5_200 * MB, RESERVE, running, 0.0) == Decision(warn=("runaway",))


def test_a_warned_recording_is_stopped_after_a_minute_and_not_before() -> None:
    def running(ends_at_s: float) -> list[Running]:
        return [Running("runaway", GB, 10 * MB, ends_at_s), Running("small", 10 * MB, MB)]

    assert decide(RESERVE + 2 * GB, RESERVE, running(160.0), 159.0) == Decision()
    assert decide(RESERVE + 2 * GB, RESERVE, running(160.0), 160.0) == Decision(stop=("runaway",))


def test_once_the_runaway_is_stopped_the_others_are_not_even_warned() -> None:
    free, ends_at_s, stopped = RESERVE + 10 * GB, None, None
    size = {"runaway": 0, "small": 0}
    for now in range(3600):
        running = [Running("small", size["small"], MB)]
        if stopped is None:
            running.append(Running("runaway", size["runaway"], 20 * MB, ends_at_s))
        decision = decide(free, RESERVE, running, float(now))
        assert "small" not in decision.warn + decision.stop
        if decision.warn:
            ends_at_s = now + 60.0
        if decision.stop:
            stopped = now
        for one in running:
            size[one.recording] += int(one.bytes_per_s)
            free -= int(one.bytes_per_s)
        if stopped is not None and now > stopped + 300:
            break
    assert stopped is not None and stopped == ends_at_s
    assert free > RESERVE


def test_equal_recordings_end_one_by_one_each_with_notice_before_the_reserve_is_touched() -> None:
    rate, free = 2 * MB, RESERVE + 8 * GB
    ends_at_s: dict[str, float | None] = dict.fromkeys("ABCDE")
    size = dict.fromkeys("ABCDE", 0)
    notices: list[float] = []
    for now in range(7200):
        running = [Running(name, size[name], rate, ends) for name, ends in ends_at_s.items()]
        decision = decide(free, RESERVE, running, float(now))
        for name in decision.warn:
            ends_at_s[name] = now + 60.0
        for name in decision.stop:
            due = ends_at_s.pop(name)
            assert due == now
            notices.append(due)
        for one in running:
            size[one.recording] += rate
            free -= rate
        assert free >= RESERVE
        if not ends_at_s:
            break
    assert len(notices) == 5 and notices == sorted(notices)
    assert notices[0] < notices[-1]


def test_a_warning_is_withdrawn_when_there_is_room_again() -> None:
    running = [Running("A", 10 * MB, MB, ends_at_s=60.0)]
    assert decide(RESERVE + 500 * MB, RESERVE, running, 30.0) == Decision()
    assert decide(RESERVE + 800 * MB, RESERVE, running, 30.0) == Decision(withdraw=("A",))


def test_far_below_the_reserve_the_one_that_writes_most_is_stopped_at_once_one_at_a_time() -> None:
    running = [Running("A", 0, MB), Running("B", 0, 2 * MB), Running("C", 0, 3 * MB, ends_at_s=50.0)]
    assert decide(RESERVE // 2 - 1, RESERVE, running, 0.0) == Decision(stop=("C",))
    assert decide(RESERVE // 2 - 1, RESERVE, running[:2], 1.0) == Decision(stop=("B",))


def test_a_little_below_the_reserve_recordings_are_warned_one_after_another() -> None:
    running = [Running("A", 0, MB), Running("B", 0, 2 * MB)]
    assert decide(RESERVE - MB, RESERVE, running, 0.0) == Decision(warn=("B",))
    warned = [running[0], Running("B", 0, 2 * MB, ends_at_s=60.0)]
    assert decide(RESERVE - MB, RESERVE, warned, 1.0) == Decision()


def test_a_recording_that_writes_nothing_is_left_alone() -> None:
    assert decide(RESERVE - MB, RESERVE, [Running("silent", 5 * MB, 0.0)], 0.0) == Decision()


def test_the_room_to_compose_a_recording_that_ends_anyway_does_not_end_the_others() -> None:
    running = [Running("runaway", 50 * GB, 10 * MB), Running("small", 10 * MB, MB)]
    assert decide(RESERVE + 3 * GB, RESERVE, running, 0.0) == Decision(warn=("runaway",))
