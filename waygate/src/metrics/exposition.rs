//! The output of a scrape: a text format, the encoder of a registry, or values for OpenTelemetry.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::{MetricType, exemplar::Exemplar},
};
use smallvec::SmallVec;

#[cfg(feature = "otel")]
use super::points::Points;
use super::{
    family::{Family, Kind, seconds},
    text::Text,
};
use crate::engine::{EDGES, Exemplars, LatencyTotals};

/// The output of a scrape.
pub(super) enum Exposition<'a> {
    Text(&'a mut Text),
    /// A registry of the application. Its crate writes no exemplars of others.
    Registry(DescriptorEncoder<'a>),
    #[cfg(feature = "otel")]
    Points(&'a mut Points),
}

/// The output of one family.
pub(super) struct Samples<'a> {
    family: &'static Family,
    output: Output<'a>,
}

enum Output<'a> {
    Text(&'a mut Text),
    Registry(MetricEncoder<'a>),
    #[cfg(feature = "otel")]
    Points(&'a mut Points),
}

impl Exposition<'_> {
    /// Writes a family, with the samples that `collect` adds.
    pub(super) fn family(
        &mut self,
        family: &'static Family,
        collect: impl FnOnce(&mut Samples<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let output = match self {
            Self::Text(text) => {
                text.describe(family);
                Output::Text(text)
            }
            Self::Registry(encoder) => {
                let kind = match family.kind {
                    Kind::Counter => MetricType::Counter,
                    Kind::Gauge => MetricType::Gauge,
                    Kind::Histogram => MetricType::Histogram,
                };
                Output::Registry(encoder.encode_descriptor(family.name, family.help, None, kind)?)
            }
            #[cfg(feature = "otel")]
            Self::Points(points) => {
                points.describe(family);
                Output::Points(points)
            }
        };
        collect(&mut Samples { family, output })
    }

    /// Writes a gauge without labels.
    pub(super) fn gauge(&mut self, family: &'static Family, value: f64) -> fmt::Result {
        self.family(family, |samples| samples.gauge(&[], value))
    }
}

impl Samples<'_> {
    /// Adds a value with these values of the labels of the family, in order.
    pub(super) fn counter(&mut self, labels: &[&str], value: u64) -> fmt::Result {
        let family = self.family;
        match &mut self.output {
            Output::Text(text) => text.counter(family, labels, value),
            Output::Registry(encoder) => with(encoder, family, labels, |encoder| {
                encoder.encode_counter(&value, None::<&Exemplar<NoLabelSet, u64>>)
            })?,
            #[cfg(feature = "otel")]
            Output::Points(points) => points.count(labels, value),
        }
        Ok(())
    }

    pub(super) fn gauge(&mut self, labels: &[&str], value: f64) -> fmt::Result {
        let family = self.family;
        match &mut self.output {
            Output::Text(text) => text.gauge(family, labels, value),
            Output::Registry(encoder) => with(encoder, family, labels, |encoder| {
                encoder.encode_gauge(&value)
            })?,
            #[cfg(feature = "otel")]
            Output::Points(points) => points.gauge(labels, value),
        }
        Ok(())
    }

    pub(super) fn histogram(&mut self, labels: &[&str], totals: &LatencyTotals) -> fmt::Result {
        self.histogram_with(labels, totals, None)
    }

    /// Adds a histogram with examples of its values.
    pub(super) fn histogram_with(
        &mut self,
        labels: &[&str],
        totals: &LatencyTotals,
        exemplars: Option<&Exemplars>,
    ) -> fmt::Result {
        let family = self.family;
        match &mut self.output {
            Output::Text(text) => text.histogram(family, labels, totals, exemplars),
            Output::Registry(encoder) => with(encoder, family, labels, |encoder| {
                let edges = EDGES.iter().map(|edge| seconds(*edge));
                let edges = edges.chain([f64::INFINITY]);
                let buckets: SmallVec<[(f64, u64); 16]> = edges.zip(totals.counts).collect();
                let (sum, count) = (seconds(totals.sum), totals.count());
                encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
            })?,
            #[cfg(feature = "otel")]
            Output::Points(points) => points.histogram(labels, totals),
        }
        Ok(())
    }
}

fn with(
    encoder: &mut MetricEncoder<'_>,
    family: &Family,
    values: &[&str],
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if values.is_empty() {
        return write(encoder);
    }
    let names = family.labels.iter().copied();
    let labels: SmallVec<[(&str, &str); 6]> = names.zip(values.iter().copied()).collect();
    write(&mut encoder.encode_family(&labels.as_slice())?)
}
