//! The corpus of the fuzz targets, and mutations of it.

use std::{env, fs, path::Path};

use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng},
};
use serde_json::Value;

// The crate `fuzz` is no member of the workspace, but its functions are those of the targets.
#[path = "../../../fuzz/src/flags.rs"]
mod targets;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/fuzz")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{}", folder.display());
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn the_corpus_passes() {
    for (target, run) in targets::TARGETS {
        corpus(target).iter().for_each(|entry| run(entry));
    }
}

/// `WAYGATE_TEST_MUTATIONS` sets the number for each target.
#[test]
fn mutations_of_the_corpus_pass() {
    let most = env::var("WAYGATE_TEST_MUTATIONS").map_or(200, |text| text.parse().unwrap());
    for (target, run) in targets::TARGETS {
        let corpus = corpus(target);
        let mut mutator = Mutator {
            random: TestRng::deterministic_rng(RngAlgorithm::default()),
            words: words(&corpus),
        };
        for _ in 0..most {
            let at = mutator.below(corpus.len());
            let mutated = mutator.mutate(&corpus[at]);
            if let Some(file) = env::var_os("WAYGATE_TEST_LAST_INPUT") {
                fs::write(file, &mutated).unwrap();
            }
            run(&mutated);
        }
    }
}

/// The values and the names of members in a corpus.
fn words(corpus: &[Vec<u8>]) -> Vec<Value> {
    fn collect(value: &Value, words: &mut Vec<Value>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    words.push(name.as_str().into());
                    collect(value, words);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
            _ => {}
        }
        if words.len() < 5_000 {
            words.push(value.clone());
        }
    }
    let mut words: Vec<Value> = vec![
        Value::Null,
        true.into(),
        "".into(),
        0.into(),
        (-1).into(),
        u64::MAX.into(),
        1e308.into(),
        100_000.into(),
        100_001.into(),
        "/a/b".into(),
        "\u{202e}".into(),
        "(a{1000}){1000}".into(),
        "9999-12-31T23:59:59Z".into(),
        Value::Array(Vec::new()),
        Value::Object(serde_json::Map::new()),
    ];
    for entry in corpus {
        if let Ok(value) = serde_json::from_slice(entry) {
            collect(&value, &mut words);
        }
    }
    words
}

struct Mutator {
    random: TestRng,
    words: Vec<Value>,
}

impl Mutator {
    fn below(&mut self, end: usize) -> usize {
        (self.random.next_u64() % end.max(1) as u64) as usize
    }

    fn mutate(&mut self, entry: &[u8]) -> Vec<u8> {
        match serde_json::from_slice::<Value>(entry) {
            // Most changes of single bytes are no JSON.
            Ok(mut value) if self.below(4) > 0 => {
                for _ in 0..=self.below(4) {
                    self.replace(&mut value);
                }
                value.to_string().into_bytes()
            }
            _ => self.bytes(entry),
        }
    }

    /// Changes a value somewhere below.
    fn replace(&mut self, value: &mut Value) {
        let here = self.below(4) == 0;
        let word = self.below(self.words.len());
        let word = self.words[word].clone();
        match value {
            Value::Object(members) if !here && !members.is_empty() => {
                let at = self.below(members.len());
                let name = members.keys().nth(at).unwrap().clone();
                match (self.below(8), word) {
                    (0, _) => drop(members.remove(&name)),
                    (1, Value::String(new)) => {
                        let member = members.remove(&name).unwrap();
                        members.insert(new, member);
                    }
                    _ => self.replace(&mut members[&name]),
                }
            }
            Value::Array(items) if !here && !items.is_empty() => {
                let at = self.below(items.len());
                match self.below(8) {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    2 => items.insert(at, word),
                    _ => self.replace(&mut items[at]),
                }
            }
            _ => *value = word,
        }
    }

    fn bytes(&mut self, entry: &[u8]) -> Vec<u8> {
        let mut bytes = entry.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(8)).min(bytes.len());
            match self.below(4) {
                0 if at < bytes.len() => bytes[at] = self.random.next_u64() as u8,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                _ => {
                    let word = self.below(self.words.len());
                    let word = self.words[word].to_string().into_bytes();
                    bytes.splice(at..at, word.into_iter().take(40));
                }
            }
        }
        bytes
    }
}
