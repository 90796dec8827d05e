from mediaserver.media.core.quality.active_speakers import SpeakerRanking


def speak(ranking: SpeakerRanking[str], levels: dict[str, int], start_s: float, seconds: float) -> float:
    """Each track sends a packet of its level every 20 ms."""
    for step in range(round(seconds * 50)):
        for track, level in levels.items():
            ranking.update(track, level, start_s + step * 0.02)
    return start_s + seconds


def test_the_loudest_is_first_and_silence_is_left_out() -> None:
    ranking = SpeakerRanking[str]()
    now = speak(ranking, {"low": 45, "loud": 20, "noise": 75, "silent": 127}, 0.0, 1.0)
    assert ranking.ranking(now) == ("loud", "low")


def test_a_voice_is_noticed_within_half_a_second() -> None:
    ranking = SpeakerRanking[str]()
    now = speak(ranking, {"a": 30}, 0.0, 0.5)
    assert ranking.ranking(now) == ("a",)


def test_a_click_is_no_speech() -> None:
    ranking = SpeakerRanking[str]()
    now = speak(ranking, {"a": 127}, 0.0, 1.0)
    now = speak(ranking, {"a": 10}, now, 0.06)
    assert ranking.ranking(now) == ()


def test_a_slightly_louder_voice_does_not_pass_but_a_clearly_louder_one_does() -> None:
    ranking = SpeakerRanking[str]()
    now = speak(ranking, {"a": 30}, 0.0, 1.0)
    assert ranking.ranking(now) == ("a",)
    now = speak(ranking, {"a": 30, "b": 26}, now, 3.0)
    assert ranking.ranking(now) == ("a", "b")
    now = speak(ranking, {"a": 30, "b": 15}, now, 3.0)
    assert ranking.ranking(now) == ("b", "a")
    now = speak(ranking, {"a": 26, "b": 30}, now, 3.0)
    assert ranking.ranking(now) == ("b", "a")


def test_a_pause_between_words_keeps_the_speaker() -> None:
    ranking = SpeakerRanking[str]()
    now = speak(ranking, {"a": 25}, 0.0, 1.0)
    now = speak(ranking, {"a": 127}, now, 0.25)
    assert ranking.ranking(now) == ("a",)
    now = speak(ranking, {"a": 127}, now, 2.0)
    assert ranking.ranking(now) == ()


def test_who_sends_nothing_more_is_forgotten() -> None:
    ranking = SpeakerRanking[str]()
    now = speak(ranking, {"a": 25, "b": 35}, 0.0, 1.0)
    ranking.remove("a")
    assert ranking.ranking(now) == ("b",)
    assert ranking.ranking(now + 2.1) == ()
