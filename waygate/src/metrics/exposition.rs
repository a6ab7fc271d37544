//! Writes families in the format that the encoder was created for.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::{MetricType, exemplar::Exemplar},
};
use smallvec::SmallVec;

use crate::engine::{EDGES, LatencyTotals};

/// A family of metrics. `docs/metrics.md` lists all of them, and a test compares the list.
#[derive(Debug)]
pub(super) struct Family {
    /// A counter without its suffix `_total`.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The output of a scrape.
pub(super) struct Exposition<'a>(DescriptorEncoder<'a>);

/// The output of one family.
pub(super) struct Samples<'a> {
    encoder: MetricEncoder<'a>,
    labels: &'static [&'static str],
}

impl<'a> Exposition<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// Writes a family, with the samples that `collect` adds.
    pub(super) fn family(
        &mut self,
        family: &Family,
        collect: impl FnOnce(&mut Samples<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let kind = match family.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let encoder = self
            .0
            .encode_descriptor(family.name, family.help, None, kind)?;
        collect(&mut Samples {
            encoder,
            labels: family.labels,
        })
    }

    /// Writes a gauge without labels.
    pub(super) fn gauge(&mut self, family: &Family, value: f64) -> fmt::Result {
        self.family(family, |samples| samples.gauge(&[], value))
    }
}

impl Samples<'_> {
    /// Adds a value with these values of the labels of the family, in order.
    pub(super) fn counter(&mut self, labels: &[&str], value: u64) -> fmt::Result {
        let none = None::<&Exemplar<NoLabelSet, u64>>;
        self.with(labels, |encoder| encoder.encode_counter(&value, none))
    }

    pub(super) fn gauge(&mut self, labels: &[&str], value: f64) -> fmt::Result {
        self.with(labels, |encoder| encoder.encode_gauge(&value))
    }

    pub(super) fn histogram(&mut self, labels: &[&str], totals: &LatencyTotals) -> fmt::Result {
        let edges = EDGES.iter().map(|edge| seconds(*edge));
        let edges = edges.chain([f64::INFINITY]);
        let buckets: SmallVec<[(f64, u64); 16]> = edges.zip(totals.counts).collect();
        let (sum, count) = (seconds(totals.sum), totals.count());
        self.with(labels, |encoder| {
            encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }

    fn with(
        &mut self,
        values: &[&str],
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if values.is_empty() {
            return write(&mut self.encoder);
        }
        let labels: SmallVec<[(&str, &str); 6]> = self
            .labels
            .iter()
            .copied()
            .zip(values.iter().copied())
            .collect();
        write(&mut self.encoder.encode_family(&labels.as_slice())?)
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
