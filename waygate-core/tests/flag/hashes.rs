//! Golden vectors of each hash, from public sources, and of the product's own, which must never change.

use waygate_core::flag::{HashAlgorithm, bucket};

#[test]
fn the_own_hash_is_frozen() {
    for (seed, value, expected) in [
        ("", "", 67_055),
        ("new-checkout", "user_0", 3_881),
        ("new-checkout", "user_1", 55_837),
        ("new-checkout", "", 65_282),
        ("日本", "größe", 42_411),
        ("f", "12345", 30_551),
        (
            "a-seed-that-is-longer-than-a-block",
            "0b8955c8-622a-45a8-8fd8-0e57924ec972",
            4_673,
        ),
    ] {
        let bucket = bucket(HashAlgorithm::Murmur3V1, seed, "user", value);
        assert_eq!(bucket, expected, "{seed} {value}");
    }
}

/// `evaluator_bucketing_test.go` of `launchdarkly/go-server-sdk-evaluation`, rounded down to 1/100,000.
#[test]
fn launchdarkly() {
    for (seed, value, expected) in [
        ("hashKey.saltyA", "userKeyA", 42_157),
        ("hashKey.saltyA", "userKeyB", 67_084),
        ("hashKey.saltyA", "userKeyC", 10_343),
        ("61", "userKeyA", 9_801),
        ("61", "userKeyB", 14_483),
        ("61", "userKeyC", 92_426),
    ] {
        let bucket = bucket(HashAlgorithm::LaunchDarklySha1, seed, "user", value);
        assert_eq!(bucket, expected, "{seed} {value}");
    }
}

/// `normalizedValue` of `Unleash/unleash-client-node` ("the same across node, java, and go clients"): 73 and 25 of 1 to
/// 100. Here the first step is 0.
#[test]
fn unleash() {
    for (seed, value, expected) in [("gr1", "123", 72_000), ("groupX", "999", 24_000)] {
        assert_eq!(
            bucket(HashAlgorithm::Unleash, seed, "user", value),
            expected
        );
    }
}

/// `StrategyUtilsTest` of `Unleash/unleash-client-java`: 96 and 60 of 1 to 100 with the seed of variants. Variants have
/// 1,000 steps, so the same hashes are compared by their last two digits.
#[test]
fn unleash_variants() {
    for (seed, value, expected) in [("gr1", "123", 95), ("groupX", "999", 59)] {
        let bucket = bucket(HashAlgorithm::UnleashVariants, seed, "user", value);
        assert_eq!(bucket / 100 % 100, expected, "{bucket}");
    }
}

/// `evaluator_fractional.feature` of `open-feature/flagd-testbed`, examples `@fractional-v2`: four parts of 25.
#[test]
fn flagd() {
    let suits = ["clubs", "diamonds", "hearts", "spades"];
    for (seed, name, suit) in [
        ("fractional-flag", "jack", "hearts"),
        ("fractional-flag", "queen", "spades"),
        ("fractional-flag", "ten", "clubs"),
        ("fractional-flag", "nine", "diamonds"),
        ("fractional-flag", "3", "clubs"),
        ("shared-seed", "seven", "hearts"),
        ("shared-seed", "eight", "diamonds"),
        ("shared-seed", "nine", "clubs"),
        ("shared-seed", "two", "spades"),
    ] {
        let bucket = bucket(HashAlgorithm::FlagdV2, seed, "user", name);
        assert_eq!(suits[bucket as usize / 25_000], suit, "{seed} {name}");
    }
    // Keys with hashes at the edges of the range.
    for (key, lower) in [
        ("ejOoVL", true),
        ("bY9fO-", true),
        ("SI7p-", true),
        ("6LvT0", false),
        ("ceQdGm", false),
    ] {
        let bucket = bucket(HashAlgorithm::FlagdV2, "", "user", key);
        assert_eq!(bucket < 50_000, lower, "{key} {bucket}");
    }
}

#[test]
fn buckets_stay_in_range() {
    for hash in HashAlgorithm::ALL {
        for number in 0..10_000 {
            assert!(bucket(*hash, "seed", "user", &number.to_string()) < 100_000);
        }
    }
}
