use axum::{extract::Request, response::Response};

use super::{super::admitted::Admitted, Cost};
use crate::engine::{Allowed, Granted, Inner, StateHeaders};

/// A response extension: the request was refused further inside, and its charges are refunded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uncharged;

/// The work that remains after the endpoint has responded.
pub(crate) struct After {
    granted: Granted,
    /// `None` without a controlled route.
    admitted: Option<Admitted>,
}

impl After {
    /// `None` without work.
    #[inline(always)]
    pub(crate) fn new(
        admitted: Option<Admitted>,
        allowed: Option<Allowed>,
        announcement: Option<StateHeaders>,
    ) -> Option<Self> {
        if allowed.is_none() && announcement.is_none() {
            return None;
        }
        Some(Self {
            granted: Granted {
                announcement,
                allowed,
            },
            admitted,
        })
    }

    /// Marks the request.
    #[cold]
    pub(crate) fn mark(&mut self, engine: &Inner, request: &mut Request) {
        let marked = |admitted: Admitted| admitted.marking(engine, request.extensions_mut());
        self.admitted = self.admitted.map(marked);
    }

    /// The scope in which the endpoint is polled.
    #[inline]
    pub(crate) fn admitted(&self) -> Option<Admitted> {
        self.admitted
    }

    /// Adds the headers to the response, and corrects the charges.
    #[inline]
    pub(crate) fn complete(&mut self, response: &mut Response) {
        match response.extensions().is_empty() {
            true => self.granted.write_headers(response.headers_mut()),
            false => self.complete_and_correct(response),
        }
    }

    /// Completes a response with extensions, which may correct the cost.
    #[inline(never)]
    fn complete_and_correct(&mut self, response: &mut Response) {
        if response.extensions().get::<Uncharged>().is_some() {
            return self.granted.correct(0);
        }
        self.granted.write_headers(response.headers_mut());
        if let Some(Cost(cost)) = response.extensions_mut().remove::<Cost>() {
            self.granted.correct(cost);
        }
    }
}
