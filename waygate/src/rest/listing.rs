//! Lists in pages: the parameters `limit` and `offset`, the number of all entries, and links to other pages (RFC 8288).

use std::io::Write as _;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use waygate_core::model::Revision;

use super::{
    etag,
    fields::{self, Wrong},
    problem::Problem,
    query::{invalid, values, whole_number},
    reply::{json_response, set_tag},
};
use crate::openapi::is_known;

/// The greatest offset.
const MAX_OFFSET: usize = 1_000_000;

/// The characters of a query that need no escape (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The query parameters of a list, apart from `limit` and `offset`.
pub(crate) trait Filters: DeserializeOwned {
    /// The entries of a page without `limit`. `None` for all, as clients of lists expect that had no pages before.
    const DEFAULT_LIMIT: Option<usize> = None;
    /// A greater `limit` counts as this one.
    const MAX_LIMIT: usize = 10_000;
}

/// A list without filters.
#[derive(Debug, Deserialize)]
pub(crate) struct NoFilters {}

impl Filters for NoFilters {}

/// Extracts the filters and the page of a list.
#[derive(Debug)]
pub(crate) struct Listing<F = NoFilters> {
    pub(crate) filters: F,
    pub(crate) page: Page,
}

impl<F: Filters, S: Send + Sync> FromRequestParts<S> for Listing<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = values(&parts.uri)?;
        let limit = number(values.remove("limit"), "limit", F::MAX_LIMIT)?;
        let offset = number(values.remove("offset"), "offset", MAX_OFFSET)?.unwrap_or_default();
        if offset > MAX_OFFSET {
            let expected = format!("offset: expected a whole number from 0 to {MAX_OFFSET}");
            return Err(invalid(expected));
        }
        let page = Page {
            limit: limit
                .or(F::DEFAULT_LIMIT)
                .map(|limit| limit.min(F::MAX_LIMIT)),
            offset,
            others: encoded(&values),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
        };
        let filters = filters(values).map_err(|wrong| invalid(wrong.text))?;
        Ok(Self { filters, page })
    }
}

fn number(value: Option<Value>, name: &str, most: usize) -> Result<Option<usize>, Problem> {
    let text = value.as_ref().and_then(Value::as_str);
    let number = text.map(|text| whole_number(text, most)).transpose();
    number.map_err(|expected| invalid(format!("{name}: {expected}")))
}

fn filters<F: Filters>(values: Map<String, Value>) -> Result<F, Wrong> {
    let known = ["limit", "offset"].iter().chain(fields::names::<F>());
    let known: Vec<&str> = known.copied().collect();
    fields::read_known(values, "parameter", &known)
}

/// Encodes parameters for a query, each followed by `&`.
fn encoded(values: &Map<String, Value>) -> String {
    let mut query = String::new();
    for (name, value) in values {
        query.extend(utf8_percent_encode(name, RESERVED));
        query.push('=');
        query.extend(utf8_percent_encode(
            value.as_str().unwrap_or_default(),
            RESERVED,
        ));
        query.push('&');
    }
    query
}

/// The requested page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    limit: Option<usize>,
    offset: usize,
    /// The other parameters, as the start of a query.
    others: String,
    /// The whole query.
    query: String,
    headers: HeaderMap,
}

impl Page {
    /// The most entries of the page.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    /// The entries before the page.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Responds with the page of a whole list.
    pub(crate) fn of<T: Serialize>(&self, all: &[T], revision: Revision) -> Response {
        let shown = self.cut(all);
        self.reply(shown, all.len(), revision)
    }

    /// The entries of the page.
    pub(crate) fn cut<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        let rest = all.get(self.offset..).unwrap_or_default();
        rest.get(..self.limit()).unwrap_or(rest)
    }

    /// Responds with a page of a list that has `total` entries, or with 304 if the client has it.
    pub(crate) fn reply<T: Serialize>(
        &self,
        shown: &[T],
        total: usize,
        revision: Revision,
    ) -> Response {
        let mut body = serde_json::to_vec(shown).unwrap_or_default();
        let length = body.len();
        // Another page or filter has another tag, even with an equal body; and so has one of a list that has grown.
        // Writing to memory does not fail.
        let _ = write!(body, "{total}?{}", self.query);
        let tag = etag::list_tag(revision, &body);
        body.truncate(length);
        let mut response = if is_known(&self.headers, &tag) {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            set_tag(&mut response, &tag);
            response
        } else {
            json_response(StatusCode::OK, body, Some(&tag))
        };
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("x-total-count"), total.into());
        let links = self.links(shown.len(), total);
        if let Ok(links) = HeaderValue::try_from(links)
            && !links.is_empty()
        {
            headers.insert(header::LINK, links);
        }
        response
    }

    /// The other pages, as references to this list with another query: they are right behind any proxy.
    fn links(&self, shown: usize, total: usize) -> String {
        let Some(limit) = self.limit.filter(|limit| *limit > 0) else {
            return String::new();
        };
        // Pages start at this offset and whole pages before and after it.
        let start = self.offset % limit;
        let rest = total.saturating_sub(start);
        let last = match rest {
            0 => 0,
            rest => start + (rest - 1) / limit * limit,
        };
        let mut pages = Vec::new();
        if self.offset > 0 {
            let before = self.offset.saturating_sub(limit).min(last);
            pages.extend([("first", 0), ("prev", before)]);
        }
        let after = self.offset + shown;
        if after < total {
            pages.extend([("next", after), ("last", last.max(after))]);
        }
        let reachable = pages
            .into_iter()
            .filter(|(_, offset)| *offset <= MAX_OFFSET);
        let links = reachable.map(|(relation, offset)| {
            let others = &self.others;
            format!("<?{others}limit={limit}&offset={offset}>; rel=\"{relation}\"")
        });
        links.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use waygate_core::model::Epoch;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Some50 {
        route: Option<String>,
    }

    impl Filters for Some50 {
        const DEFAULT_LIMIT: Option<usize> = Some(50);
        const MAX_LIMIT: usize = 100;
    }

    async fn listing<F: Filters>(query: &str) -> Result<Listing<F>, Problem> {
        let request = Request::get(format!("/list{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        Listing::from_request_parts(&mut parts, &()).await
    }

    async fn links(query: &str, shown: usize, total: usize) -> String {
        listing::<Some50>(query)
            .await
            .unwrap()
            .page
            .links(shown, total)
    }

    fn link(offset: usize, relation: &str) -> String {
        format!("<?limit=10&offset={offset}>; rel=\"{relation}\"")
    }

    #[tokio::test]
    async fn pages_have_links_to_others() {
        let due = |links: &[(usize, &str)]| {
            let links: Vec<_> = links
                .iter()
                .map(|(offset, rel)| link(*offset, rel))
                .collect();
            links.join(", ")
        };
        for (offset, shown, total, expected) in [
            (0, 10, 25, &[(10, "next"), (20, "last")][..]),
            (
                10,
                10,
                25,
                &[(0, "first"), (0, "prev"), (20, "next"), (20, "last")],
            ),
            (20, 5, 25, &[(0, "first"), (10, "prev")]),
            (
                5,
                10,
                25,
                &[(0, "first"), (0, "prev"), (15, "next"), (15, "last")],
            ),
            (
                5,
                10,
                26,
                &[(0, "first"), (0, "prev"), (15, "next"), (25, "last")],
            ),
            (500, 0, 25, &[(0, "first"), (20, "prev")]),
            (0, 10, 10, &[]),
            (0, 0, 0, &[]),
            (7, 0, 3, &[(0, "first"), (0, "prev")]),
            // A page that its bytes end early.
            (0, 3, 25, &[(3, "next"), (20, "last")]),
            (
                20,
                3,
                25,
                &[(0, "first"), (10, "prev"), (23, "next"), (23, "last")],
            ),
        ] {
            let query = format!("?limit=10&offset={offset}");
            assert_eq!(
                links(&query, shown, total).await,
                due(expected),
                "{query} of {total}"
            );
        }
        assert_eq!(links("?limit=0", 0, 25).await, "");
        assert_eq!(
            links("", 50, 51).await,
            "<?limit=50&offset=50>; rel=\"next\", <?limit=50&offset=50>; rel=\"last\""
        );
        let page = listing::<NoFilters>("").await.unwrap().page;
        assert_eq!(page.links(25, 25), "");
    }

    #[tokio::test]
    async fn links_keep_the_other_parameters() {
        let other = "route=GET%3A%2Fa%26b%20%E2%82%AC%3E%22";
        for query in [
            format!("?limit=10&{other}"),
            "?route=GET:/a%26b+%e2%82%ac%3e%22&offset=0&limit=10".to_owned(),
        ] {
            let next = format!("<?{other}&limit=10&offset=10>; rel=\"next\"");
            let links = links(&query, 10, 20).await;
            assert!(links.starts_with(&next), "{links}");
        }
    }

    #[tokio::test]
    async fn wrong_parameters_are_named() {
        for (query, error) in [
            ("?limit=x", "limit: expected a whole number from 0 to 100"),
            ("?limit=", "limit: expected a whole number from 0 to 100"),
            (
                "?offset=-1",
                "offset: expected a whole number from 0 to 1000000",
            ),
            (
                "?offset=1000001",
                "offset: expected a whole number from 0 to 1000000",
            ),
            ("?limit=1&limit=2", "the parameter `limit` is given twice"),
            (
                "?offse=1",
                "unknown parameter `offse`: did you mean `offset`? Known are `limit`, `offset`, `route`",
            ),
        ] {
            let refused = listing::<Some50>(query).await.unwrap_err();
            assert_eq!(refused.text(), error);
        }
        let all = listing::<Some50>("?limit=18446744073709551616&route=/a")
            .await
            .unwrap();
        assert_eq!(
            (all.page.limit(), all.filters.route.as_deref()),
            (100, Some("/a"))
        );
    }

    #[tokio::test]
    async fn another_page_has_another_tag() {
        let epoch = Epoch::random();
        let revision = Revision { epoch, number: 7 };
        let mut tags = Vec::new();
        for (query, total) in [
            ("", 9),
            ("", 10),
            ("?limit=1", 9),
            ("?limit=2", 9),
            ("?limit=1&offset=1", 9),
            ("?route=/a", 9),
        ] {
            let page = listing::<Some50>(query).await.unwrap().page;
            let response = page.reply(&["x"], total, revision);
            assert_eq!(
                response.headers()["x-total-count"],
                total.to_string().as_str()
            );
            tags.push(response.headers()[header::ETAG].clone());
        }
        let different: std::collections::HashSet<_> = tags.iter().collect();
        assert_eq!(different.len(), tags.len());
        let request = Request::get("/list").header(header::IF_NONE_MATCH, tags.remove(0));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let page = Listing::<Some50>::from_request_parts(&mut parts, &());
        let page = page.await.unwrap().page;
        assert_eq!(page.reply(&["x"], 9, revision).status(), 304);
        assert_eq!(page.reply(&["x"], 10, revision).status(), 200);
    }

    #[tokio::test]
    async fn a_page_is_a_part_of_the_list() {
        for (query, expected) in [
            ("", &[1, 2, 3, 4][..]),
            ("?limit=2", &[1, 2]),
            ("?limit=2&offset=3", &[4]),
            ("?offset=4", &[]),
            ("?offset=1000000&limit=10000", &[]),
            ("?limit=0", &[]),
        ] {
            let page = listing::<NoFilters>(query).await.unwrap().page;
            assert_eq!(page.cut(&[1, 2, 3, 4]), expected, "{query}");
        }
    }
}
