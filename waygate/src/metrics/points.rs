//! The values of a scrape, for instruments that ask for those of one family.

use super::family::{Family, seconds};
use crate::engine::LatencyTotals;

/// The values of all families.
#[derive(Debug, Default)]
pub(super) struct Points(Vec<PointsOf>);

/// The values of one family.
#[derive(Debug)]
pub(super) struct PointsOf {
    pub(super) family: &'static Family,
    pub(super) points: Vec<Point>,
}

/// A value, with those of the labels of its family.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) labels: Vec<String>,
    pub(super) value: Value,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Counter(u64),
    Gauge(f64),
    /// In seconds.
    Histogram {
        count: u64,
        sum: f64,
    },
}

impl Points {
    pub(super) fn describe(&mut self, family: &'static Family) {
        let points = Vec::new();
        self.0.push(PointsOf { family, points });
    }

    pub(super) fn count(&mut self, labels: &[&str], value: u64) {
        self.add(labels, Value::Counter(value));
    }

    pub(super) fn gauge(&mut self, labels: &[&str], value: f64) {
        self.add(labels, Value::Gauge(value));
    }

    pub(super) fn histogram(&mut self, labels: &[&str], totals: &LatencyTotals) {
        let (count, sum) = (totals.count(), seconds(totals.sum));
        self.add(labels, Value::Histogram { count, sum });
    }

    fn add(&mut self, labels: &[&str], value: Value) {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        if let Some(of) = self.0.last_mut() {
            of.points.push(Point { labels, value });
        }
    }

    pub(super) fn families(&self) -> impl Iterator<Item = &'static Family> {
        self.0.iter().map(|of| of.family)
    }

    pub(super) fn of(&self, family: &Family) -> &[Point] {
        let mut all = self.0.iter();
        let of = all.find(|of| of.family.name == family.name);
        of.map_or(&[], |of| &of.points)
    }
}
