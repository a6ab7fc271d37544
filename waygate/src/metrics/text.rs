//! The text formats. `prometheus-client` writes the same, but no exemplars of values that it does not hold itself.

use std::fmt::Write;

use super::{
    family::{Family, Kind, seconds},
    negotiate::Format,
};
use crate::engine::{EDGES, Exemplar, Exemplars, LatencyTotals};

/// Metrics in a text format.
pub(super) struct Text {
    out: String,
    format: Format,
    /// The values of the label `le`.
    edges: Vec<String>,
    /// The labels of the current sample.
    labels: String,
}

impl Text {
    /// Continues `out`.
    pub(super) fn new(out: String, format: Format) -> Self {
        let edge = |edge: &u64| match format {
            Format::Text => seconds(*edge).to_string(),
            Format::OpenMetrics => format!("{:?}", seconds(*edge)),
        };
        let edges = EDGES.iter().map(edge).chain(["+Inf".to_owned()]);
        Self {
            out,
            format,
            edges: edges.collect(),
            labels: String::new(),
        }
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    pub(super) fn describe(&mut self, family: &Family) {
        let suffix = match self.format {
            Format::Text => total(family.kind),
            Format::OpenMetrics => "",
        };
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let Family { name, help, .. } = family;
        self.push(&["# HELP ", name, suffix, " ", help, "\n"]);
        self.push(&["# TYPE ", name, suffix, " ", kind, "\n"]);
    }

    pub(super) fn counter(&mut self, family: &Family, labels: &[&str], value: u64) {
        self.set_labels(family, labels);
        self.start(family, total(family.kind), None);
        self.count(value);
    }

    pub(super) fn gauge(&mut self, family: &Family, labels: &[&str], value: f64) {
        self.set_labels(family, labels);
        self.start(family, "", None);
        self.float(value);
        self.out.push('\n');
    }

    pub(super) fn histogram(
        &mut self,
        family: &Family,
        labels: &[&str],
        totals: &LatencyTotals,
        exemplars: Option<&Exemplars>,
    ) {
        self.set_labels(family, labels);
        match self.format {
            Format::Text => {
                self.buckets(family, totals, None);
                self.sum_and_count(family, totals);
            }
            Format::OpenMetrics => {
                self.sum_and_count(family, totals);
                self.buckets(family, totals, exemplars);
            }
        }
    }

    fn sum_and_count(&mut self, family: &Family, totals: &LatencyTotals) {
        self.start(family, "_sum", None);
        self.float(seconds(totals.sum));
        self.out.push('\n');
        self.start(family, "_count", None);
        self.count(totals.count());
    }

    fn buckets(&mut self, family: &Family, totals: &LatencyTotals, exemplars: Option<&Exemplars>) {
        let mut cumulative = 0;
        for (at, count) in totals.counts.iter().enumerate() {
            cumulative += count;
            self.start(family, "_bucket", Some(at));
            self.out.push_str(itoa::Buffer::new().format(cumulative));
            if let Some(exemplar) = exemplars.and_then(|all| all.of(at)) {
                self.exemplar(exemplar);
            }
            self.out.push('\n');
        }
    }

    /// OpenMetrics 1.0, "Exemplars".
    fn exemplar(&mut self, exemplar: &Exemplar) {
        let Exemplar {
            trace_id,
            nanos,
            at,
        } = exemplar;
        // A `String` takes every string.
        let _ = write!(self.out, " # {{trace_id=\"{trace_id:032x}\"}} ");
        self.float(seconds(*nanos));
        self.out.push(' ');
        self.float(at.as_millisecond() as f64 / 1e3);
    }

    /// Writes the name, the labels and a space. `bucket` is the position of the edge.
    fn start(&mut self, family: &Family, suffix: &str, bucket: Option<usize>) {
        self.push(&[family.name, suffix]);
        let edge = bucket.and_then(|at| self.edges.get(at));
        let labels = self.labels.as_str();
        let comma = if labels.is_empty() { "" } else { "," };
        match (edge, self.format) {
            (None, _) if labels.is_empty() => {}
            (None, _) => push(&mut self.out, &["{", labels, "}"]),
            (Some(edge), Format::Text) => {
                push(&mut self.out, &["{", labels, comma, "le=\"", edge, "\"}"]);
            }
            (Some(edge), Format::OpenMetrics) => {
                push(&mut self.out, &["{le=\"", edge, "\"", comma, labels, "}"]);
            }
        }
        self.out.push(' ');
    }

    fn set_labels(&mut self, family: &Family, values: &[&str]) {
        self.labels.clear();
        for (name, value) in family.labels.iter().zip(values) {
            let comma = if self.labels.is_empty() { "" } else { "," };
            push(&mut self.labels, &[comma, name, "=\""]);
            escape(&mut self.labels, value);
            self.labels.push('"');
        }
    }

    fn count(&mut self, value: u64) {
        self.push(&[itoa::Buffer::new().format(value), "\n"]);
    }

    fn float(&mut self, value: f64) {
        match value.is_infinite() {
            true if value > 0.0 => self.out.push_str("+Inf"),
            true => self.out.push_str("-Inf"),
            false => {
                let _ = write!(self.out, "{value:?}");
            }
        }
    }

    fn push(&mut self, parts: &[&str]) {
        push(&mut self.out, parts);
    }
}

fn total(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "_total",
        Kind::Gauge | Kind::Histogram => "",
    }
}

fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

fn escape(out: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        out.push_str(match special.as_bytes().first() {
            Some(b'\n') => "\\n",
            Some(b'"') => "\\\"",
            _ => "\\\\",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}
