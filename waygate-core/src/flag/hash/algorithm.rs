use crate::flag::words::words;

words! {
    /// The function from a seed and a value to a bucket of a rollout.
    ///
    /// | Name | Input | Bucket | Source |
    /// |---|---|---|---|
    /// | `murmur3-v1` | `seed 0x1F value` | `murmur3_x86_32 × 100,000 >> 32` | this crate |
    /// | `waygate-py-sha1` | `seed:kind:value` | `SHA-1 mod 100,000`, all 160 bits | wire contract, section 9 |
    /// | `launchdarkly-sha1` | `seed.value` | the first 60 bits of SHA-1, scaled | `evaluator_bucketing.go` of `launchdarkly/go-server-sdk-evaluation` |
    /// | `unleash` | `seed:value` | `murmur3_x86_32 mod 100`, × 1,000 | `lib/strategy/util.ts` of `Unleash/unleash-client-node` |
    /// | `unleash-variants` | `seed:value`, murmur seed 86028157 | `murmur3_x86_32 mod 1,000`, × 100 | the same |
    /// | `flagd-v2` | `seed value` without a separator | `murmur3_x86_32 × 100,000 >> 32` | `fractional` of `open-feature/flagd`, `@fractional-v2` in its testbed |
    ///
    /// The seed defaults to the key of the flag. For LaunchDarkly it is `key.salt`, or the seed of the rollout; for Unleash
    /// the group id.
    #[derive(Default)]
    pub enum HashAlgorithm: "hash" {
        /// The hash of new flags.
        #[default]
        Murmur3V1 = "murmur3-v1",
        /// The hash of Python Waygate.
        WaygatePySha1 = "waygate-py-sha1",
        /// The hash of LaunchDarkly. Its SDKs compare floating-point numbers, which can differ from these integers
        /// within one step.
        LaunchDarklySha1 = "launchdarkly-sha1",
        /// The hash of gradual rollouts of Unleash.
        Unleash = "unleash",
        /// The hash of variants of Unleash.
        UnleashVariants = "unleash-variants",
        /// The hash of `fractional` of flagd since its second generation.
        FlagdV2 = "flagd-v2",
    }
}
