//! The dashboard and the alert rules name only metrics and labels that are exposed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{busy, exposition::Families, scrape, text_of};

/// The words of PromQL in our expressions, and the labels that Prometheus adds.
const WORDS: [&str; 18] = [
    "sum",
    "max",
    "by",
    "rate",
    "increase",
    "histogram_quantile",
    "and",
    "or",
    "unless",
    "label_replace",
    "offset",
    "1m",
    "on",
    "group_right",
    "le",
    "job",
    "instance",
    "label_values",
];

/// Checks the names of an expression.
fn check(expression: &str, families: &Families) {
    let balanced = |open: char, close: char| {
        let count = |wanted: char| expression.chars().filter(|c| *c == wanted).count();
        count(open) == count(close)
    };
    assert!(
        balanced('(', ')') && balanced('{', '}') && balanced('[', ']'),
        "{expression}"
    );
    let labels: BTreeSet<&str> = families
        .values()
        .flat_map(|family| &family.samples)
        .flat_map(|sample| sample.labels.keys().map(String::as_str))
        .chain([
            "feature_flag_key",
            "feature_flag_result_reason",
            "feature_flag_result_variant",
        ])
        .collect();
    let mut metrics = BTreeSet::new();
    for name in names(expression) {
        let family = ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .filter(|family| {
                families
                    .get(*family)
                    .is_some_and(|family| family.kind == "histogram")
            });
        let family = family.unwrap_or(&name);
        if families.contains_key(family) {
            metrics.insert(family.to_owned());
        } else {
            let is_known = labels.contains(&*name) || WORDS.contains(&&*name);
            assert!(
                is_known,
                "`{name}` is neither a metric nor a label: {expression}"
            );
        }
    }
    assert!(!metrics.is_empty(), "{expression}");
}

/// The identifiers outside quotes and ranges.
fn names(expression: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let (mut in_quotes, mut in_range) = (false, false);
    for c in expression.chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            '[' if !in_quotes => in_range = true,
            ']' if !in_quotes => in_range = false,
            c if !in_quotes && !in_range && (c == '_' || c.is_ascii_alphanumeric()) => {
                names.last_mut().unwrap().push(c);
                continue;
            }
            _ => {}
        }
        names.push(String::new());
    }
    names.retain(|name| name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()));
    names
}

#[tokio::test]
async fn the_dashboard_names_what_is_exposed() {
    let families = scrape(&busy().await.0);
    let dashboard: Value = serde_json::from_str(&text_of("docs/monitoring/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 10);
    let ids: BTreeSet<u64> = panels
        .iter()
        .map(|panel| panel["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            check(target["expr"].as_str().unwrap(), &families);
        }
    }
}

#[tokio::test]
async fn the_alerts_name_what_is_exposed() {
    let families = scrape(&busy().await.0);
    let rules = text_of("docs/monitoring/alerts.yaml");
    let mut alerts = Vec::new();
    let mut lines = rules.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            alerts.push(name);
        }
        let Some(expression) = line.trim().strip_prefix("expr: ") else {
            continue;
        };
        let mut expression = expression.trim_start_matches(">-").to_owned();
        // A folded block continues with deeper lines.
        let indent = |line: &str| line.len() - line.trim_start().len();
        while let Some(more) = lines.next_if(|next| indent(next) > indent(line)) {
            expression.push(' ');
            expression.push_str(more.trim());
        }
        check(&expression, &families);
    }
    let wanted = [
        "store_down",
        "degraded",
        "route_blocked_unexpectedly",
        "outbox_stuck",
        "fleet_lag",
    ];
    assert_eq!(alerts, wanted);
    let document = text_of("docs/metrics.md");
    assert!(
        wanted
            .iter()
            .all(|alert| document.contains(&format!("| `{alert}` |")))
    );
}
