//! Requests, in the names of the OpenTelemetry conventions.

use std::fmt;

use crate::{
    engine::Ending,
    metrics::{
        exposition::Exposition,
        family::{Family, Kind},
        scrape::Scrape,
    },
};

const DURATION: Family = Family {
    name: "http_server_request_duration_seconds",
    help: "Time from the arrival of a request to the head of its response",
    kind: Kind::Histogram,
    labels: &[
        "http_request_method",
        "http_route",
        "http_response_status_code",
        "url_scheme",
        "error_type",
    ],
};

const ACTIVE: Family = Family {
    name: "http_server_active_requests",
    help: "Requests without a response yet",
    kind: Kind::Gauge,
    labels: &["http_request_method", "url_scheme"],
};

const BLOCKED: Family = Family {
    name: "waygate_blocked_requests",
    help: "Requests that Waygate has refused",
    kind: Kind::Counter,
    labels: &["http_route", "http_request_method", "reason"],
};

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    out.family(&DURATION, |samples| {
        for row in &scrape.rows {
            for (key @ (line, ending), totals) in &row.endings {
                let (status, error) = (status(*ending), error(*ending));
                let labels = [line.method(), &row.route, &status, line.scheme(), &error];
                samples.histogram_with(&labels, totals, row.exemplars.get(key))?;
            }
        }
        Ok(())
    })?;
    out.family(&ACTIVE, |samples| {
        let mut active = scrape.active.iter();
        active.try_for_each(|(line, count)| {
            samples.gauge(&[line.method(), line.scheme()], *count as f64)
        })
    })?;
    out.family(&BLOCKED, |samples| {
        for row in &scrape.rows {
            for ((method, reason), count) in &row.blocked {
                samples.counter(&[&row.route, method, reason.as_str()], *count)?;
            }
        }
        Ok(())
    })
}

/// The status; that of the class for a rest, and empty without a response.
fn status(ending: Ending) -> String {
    match ending.status {
        Some(status) if ending.is_rest => format!("{}xx", status / 100),
        Some(status) => status.to_string(),
        None => String::new(),
    }
}

/// The reason of a block, the status of an error, or `aborted`.
fn error(ending: Ending) -> String {
    match (ending.blocked, ending.status) {
        (Some(reason), _) => format!("waygate.{}", reason.as_str()),
        (None, None) => "aborted".to_owned(),
        (None, Some(status)) if status >= 500 => self::status(ending),
        (None, Some(_)) => String::new(),
    }
}
