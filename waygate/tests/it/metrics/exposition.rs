//! A strict parser of both formats.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample.
pub(super) type Labels = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// The whole name, with its suffix.
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) value: f64,
    /// The trace, the value in seconds and the time in seconds.
    pub(super) exemplar: Option<(String, f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) samples: Vec<Sample>,
}

/// The families by name. A counter has its name in the text format, with `_total`.
pub(super) type Families = BTreeMap<String, Family>;

/// Parses the text format 0.0.4.
pub(super) fn parse_text(text: &str) -> Families {
    assert!(!text.contains("# EOF"), "not in this format");
    parse(text, false)
}

/// Parses OpenMetrics 1.0.
pub(super) fn parse_open_metrics(text: &str) -> Families {
    let text = text.strip_suffix("# EOF\n").expect("the last line");
    assert!(!text.contains("# EOF"));
    parse(text, true)
}

fn parse(text: &str, is_open: bool) -> Families {
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut families = Families::new();
    let (mut help, mut current) = (None::<String>, None::<String>);
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').unwrap();
            assert!(!text.is_empty(), "{line}");
            help = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(help.take().as_deref(), Some(name), "HELP comes first");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let name = match kind {
                "counter" if is_open => format!("{name}_total"),
                _ => name.to_owned(),
            };
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            let (kind, samples) = (kind.to_owned(), Vec::new());
            let known = families.insert(name.clone(), Family { kind, samples });
            assert!(known.is_none(), "{name} twice");
            current = Some(name);
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let sample = sample(line);
            let may = is_open && sample.name.ends_with("_bucket");
            assert!(sample.exemplar.is_none() || may, "{line}");
            assert!(
                seen.insert((sample.name.clone(), sample.labels.clone())),
                "{line} twice"
            );
            let name = current.as_ref().expect("a family");
            let family = families.get_mut(name).unwrap();
            let suffix = sample
                .name
                .strip_prefix(name.as_str())
                .expect("of the family");
            let suffixes: &[&str] = match family.kind.as_str() {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(suffixes.contains(&suffix), "{line}");
            family.samples.push(sample);
        }
    }
    families
        .values()
        .filter(|family| family.kind == "histogram")
        .for_each(check_histogram);
    families
}

/// The buckets of each histogram increase and end with the count.
fn check_histogram(family: &Family) {
    let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts: BTreeMap<Labels, f64> = BTreeMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        let edge = labels.remove("le");
        match edge {
            Some(edge) => {
                let edge = match edge.as_str() {
                    "+Inf" => f64::INFINITY,
                    edge => edge.parse().unwrap(),
                };
                buckets
                    .entry(labels)
                    .or_default()
                    .push((edge, sample.value));
            }
            None if sample.name.ends_with("_count") => drop(counts.insert(labels, sample.value)),
            None => assert!(sample.name.ends_with("_sum")),
        }
    }
    assert_eq!(buckets.len(), counts.len());
    for (labels, buckets) in buckets {
        assert!(
            buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1),
            "{labels:?}"
        );
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, counts[&labels])));
    }
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            assert!(is_name(label), "{line}");
            let (value, after) = unquoted(value);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    rest = after.strip_prefix('}').unwrap();
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap();
    let (value, exemplar) = match value.split_once(" # {trace_id=\"") {
        Some((value, exemplar)) => (value, Some(exemplar)),
        None => (value, None),
    };
    let exemplar = exemplar.map(|exemplar| {
        let (trace, rest) = exemplar.split_once("\"} ").unwrap();
        let (value, time) = rest.split_once(' ').unwrap();
        let number = |text: &str| text.parse().unwrap();
        (trace.to_owned(), number(value), number(time))
    });
    Sample {
        name: name.to_owned(),
        labels,
        exemplar,
        value: value.parse().unwrap_or_else(|_| panic!("{line}")),
    }
}

/// The value up to its quote, and the text after it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                c => panic!("\\{c}"),
            }),
            c => value.push(c),
        }
    }
    panic!("no end: {text}")
}

fn is_name(text: &str) -> bool {
    let is_inner = |c: char| c == '_' || c.is_ascii_alphanumeric();
    text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()) && text.chars().all(is_inner)
}
