//! The choice between the two formats.

use http::{HeaderMap, header};

/// A format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format of Prometheus, version 0.0.4: the default.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Chooses the format with the highest quality (RFC 9110, section 12.5.1). Other formats count as the default, since
    /// a scraper reads it anyway.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT).iter();
        let ranges = lines.filter_map(|line| line.to_str().ok());
        let ranges = ranges.flat_map(|line| line.split(','));
        let (mut open, mut text) = (None::<u16>, None::<u16>);
        for range in ranges {
            let Some(range) = Range::parse(range) else {
                continue;
            };
            let place = match range.kind.as_str() {
                "application/openmetrics-text" if range.has_version(&["0.0.1", "1.0.0"]) => {
                    &mut open
                }
                "text/plain" if range.has_version(&["0.0.4"]) => &mut text,
                _ => continue,
            };
            *place = Some(place.map_or(range.quality, |known| known.max(range.quality)));
        }
        match (open, text) {
            (Some(open), text) if open > 0 && open >= text.unwrap_or_default() => Self::OpenMetrics,
            _ => Self::Text,
        }
    }
}

/// A media range with its quality in thousandths.
struct Range {
    kind: String,
    version: Option<String>,
    quality: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let mut range = Self {
            kind: parts.next()?.to_ascii_lowercase(),
            version: None,
            quality: 1_000,
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => range.version = Some(value.to_owned()),
                "q" => range.quality = thousandths(value)?,
                _ => {}
            }
        }
        Some(range)
    }

    /// Returns `true` if the range names none, or one of these.
    fn has_version(&self, known: &[&str]) -> bool {
        self.version
            .as_deref()
            .is_none_or(|version| known.contains(&version))
    }
}

fn thousandths(quality: &str) -> Option<u16> {
    let quality: f32 = quality.parse().ok()?;
    (0.0..=1.0)
        .contains(&quality)
        .then_some((quality * 1_000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepted(accept: &'static str) -> Format {
        let accept = (header::ACCEPT, HeaderValue::from_static(accept));
        Format::accepted(&HeaderMap::from_iter([accept]))
    }

    #[test]
    fn the_format_with_the_highest_quality_is_chosen() {
        use Format::{OpenMetrics, Text};
        for (accept, wanted) in [
            ("", Text),
            ("*/*", Text),
            ("text/plain", Text),
            ("application/json", Text),
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text;version=1.0.0", OpenMetrics),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8",
                OpenMetrics,
            ),
            ("application/openmetrics-text;version=2.0.0", Text),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;q=x", Text),
            (
                "application/openmetrics-text;q=0.3,text/plain;version=0.0.4;q=0.5",
                Text,
            ),
            // What Prometheus 2 and 3 send.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
        ] {
            assert_eq!(accepted(accept), wanted, "{accept}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Text);
    }
}
