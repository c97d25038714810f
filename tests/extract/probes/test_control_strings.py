from extract.probes.control_strings import anagrams, letter_strings
from extract.probes.word_lists import most_common


def test_letter_strings_have_their_lengths_and_are_no_words() -> None:
    words = most_common()
    strings = letter_strings({3: 200, 7: 50}, words)
    assert {length: len(some) for length, some in strings.items()} == {3: 200, 7: 50}
    for length, some in strings.items():
        assert {len(text) for text in some} == {length}
        assert len(set(some)) == len(some)
        assert not set(some) & set(words)


def test_letters_are_drawn_alike() -> None:
    text = "".join(letter_strings({10: 2000}, [])[10])
    shares = [text.count(letter) / len(text) for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert all(abs(share - 1 / 26) < 0.006 for share in shares)  # four standard deviations


def test_strings_of_a_length_depend_on_the_seed_and_not_on_other_lengths() -> None:
    alone, among = letter_strings({5: 9}, ["cat"]), letter_strings({4: 3, 5: 9}, ["cat"])
    assert alone[5] == among[5]
    assert alone[5] != letter_strings({5: 9}, ["cat"], seed=1)[5]


def test_fewer_strings_than_wanted_are_all_that_there_are() -> None:
    assert sorted(letter_strings({1: 64}, ["A", "i"])[1]) == sorted(set("bcdefghjklmnopqrstuvwxyz"))
    assert letter_strings({1: 3}, "abcdefghijklmnopqrstuvwxyz") == {1: ()}


def test_strings_that_are_not_accepted_are_drawn_again() -> None:
    strings = letter_strings({4: 30}, [], accept=lambda text: "w" not in text)[4]
    assert len(strings) == 30
    assert not any("w" in text for text in strings)


def test_anagrams_have_the_letters_of_their_words_and_are_none_of_them() -> None:
    words = most_common(2000)
    shuffled = anagrams(words)
    assert all(sorted(word) == sorted(anagram) for word, anagram in shuffled.items())
    assert not {*shuffled.values()} & {*words}
    assert {*words} - shuffled.keys() >= {"a", "i", "on", "no"}
    assert all(len(word) == 2 or len(set(word)) < 2 for word in {*words} - shuffled.keys() - {"a", "i"})


def test_an_anagram_depends_on_the_seed_and_on_other_words_only_where_it_is_one() -> None:
    alone = anagrams(["reading"])
    assert anagrams(["ten", "reading", "other"])["reading"] == alone["reading"]
    assert anagrams(["reading"], seed=1) != alone
    assert anagrams(["ten", "net", "TNE", "ent", "etn"]) == dict.fromkeys(("ten", "net", "ent", "etn"), "nte") | {
        "TNE": "NTE"
    }


def test_words_whose_letters_are_alike_have_no_anagram_and_what_is_no_letter_stays() -> None:
    assert anagrams(["a", "aaa", "", "7-7", "no", "on"]) == {}
    assert anagrams(["i-o", "don't"]).keys() == {"i-o", "don't"}
    assert (anagrams(["i-o"])["i-o"], anagrams(["don't"])["don't"][3]) == ("o-i", "'")


def test_an_anagram_is_none_of_the_other_words_and_capitals_stay_in_their_places() -> None:
    known = most_common(20_000)
    assert not {*anagrams(most_common(1000), known).values()} & {*known}
    assert anagrams(["war"], ["raw", "rwa", "arw", "awr"])["war"] == "wra"
    [paris, mass] = anagrams(["Paris", "Maß"]).values()
    assert (paris[0].isupper(), paris[1:].islower()) == (True, True)
    assert sorted(mass.casefold()) == sorted("maß".casefold())


def test_anagrams_that_are_not_accepted_are_drawn_again() -> None:
    assert anagrams(["teas"], accept=lambda text: text.startswith("se"))["teas"][:2] == "se"
    assert anagrams(["teas"], accept=lambda text: False) == {}
