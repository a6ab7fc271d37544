//! The least that anyone would write by hand: a map of flags, rules over a map of texts, and MurmurHash3.

use std::{collections::HashMap, hint::black_box};

use super::{COUNTRY, FLAGS, PLAN, RULES, USER, values};

type Clause = (String, Vec<String>);

pub(crate) struct Flags {
    /// The clauses of the rules of each flag.
    flags: HashMap<String, Vec<[Clause; 2]>>,
    context: HashMap<String, String>,
}

impl Flags {
    pub(crate) fn new() -> Self {
        let rule = |rule| {
            let [countries, plans] = values(rule);
            [
                ("country".to_owned(), countries),
                ("plan".to_owned(), plans),
            ]
        };
        let flag = |index| {
            let rules = (0..RULES).map(rule).collect();
            (format!("some-flag-{index}"), rules)
        };
        let context = [
            ("key", USER),
            ("country", COUNTRY),
            ("plan", PLAN),
            ("email", "a@example.com"),
            ("seats", "5"),
            ("beta", "true"),
        ];
        Self {
            flags: (0..FLAGS).map(flag).collect(),
            context: context
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    pub(crate) fn evaluate(&self, key: &str) -> bool {
        let context = black_box(&self.context);
        self.evaluate_for(key, |name| context.get(name).map(String::as_str))
    }

    /// Evaluates a flag for a context of another type.
    #[inline(always)]
    pub(crate) fn evaluate_for<'a>(
        &self,
        key: &str,
        context: impl Fn(&str) -> Option<&'a str>,
    ) -> bool {
        let holds = |(name, values): &Clause| {
            let actual = context(name);
            actual.is_some_and(|actual| values.iter().any(|value| value == actual))
        };
        let mut rules = self.flags[key].iter();
        if rules.any(|clauses| clauses.iter().all(holds)) {
            return true;
        }
        let mut buffer = [0; 64];
        let parts = [
            key.as_bytes(),
            b"\x1f",
            context("key").unwrap_or_default().as_bytes(),
        ];
        let mut len = 0;
        for part in parts {
            buffer[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        }
        (u64::from(murmur3(&buffer[..len])) * 100_000) >> 32 < 20_000
    }
}

fn murmur3(bytes: &[u8]) -> u32 {
    let scramble = |block: u32| {
        let block = block.wrapping_mul(0xcc9e_2d51).rotate_left(15);
        block.wrapping_mul(0x1b87_3593)
    };
    let (blocks, rest) = bytes.as_chunks::<4>();
    let mut hash = 0_u32;
    for block in blocks {
        hash ^= scramble(u32::from_le_bytes(*block));
        hash = hash
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let tail = rest
        .iter()
        .rev()
        .fold(0, |tail, byte| tail << 8 | u32::from(*byte));
    hash ^= scramble(tail);
    hash ^= bytes.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}
