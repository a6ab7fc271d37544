use http::{HeaderValue, Uri};

use super::{
    cors::Origins,
    error::InvalidOption,
    token::{Audience, Token},
};
/// The configuration of an OFREP server: its tokens, and the pages that may call it.
///
/// ```
/// use waygate::ofrep::{Ofrep, Token};
///
/// let ofrep = Ofrep::new()
///     .token(Token::server("srv_5a2f0f9e7c6d4b1a")?)
///     .token(Token::client("web_0d9c8b7a6f5e4d3c")?)
///     .allow_origin("https://shop.example")?
///     .public_url("https://flags.shop.example/edge")?
///     .max_body_bytes(16 * 1024);
/// # Ok::<(), waygate::ofrep::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is served until this is given to `Waygate::ofrep`"]
pub struct Ofrep {
    /// The audience of every client; `None` if they need a token.
    pub(super) open: Option<Audience>,
    pub(super) tokens: Vec<Token>,
    pub(super) origins: Origins,
    pub(super) public_url: Option<String>,
    pub(super) max_body_bytes: usize,
}

impl Default for Ofrep {
    fn default() -> Self {
        Self::new()
    }
}

impl Ofrep {
    /// A server for clients with a [`token`](Self::token).
    pub fn new() -> Self {
        Self {
            open: None,
            tokens: Vec::new(),
            origins: Origins::None,
            public_url: None,
            max_body_bytes: 256 * 1024,
        }
    }

    /// A server without tokens, for any client that can reach it. [`Audience::Client`] serves only flags that are visible
    /// to clients; [`Audience::Server`] serves all flags, for networks with their own access control. A client with a
    /// [`token`](Self::token) sees what the token is for.
    ///
    /// ```
    /// use waygate::ofrep::{Audience, Ofrep};
    ///
    /// let public = Ofrep::open(Audience::Client).allow_any_origin();
    /// ```
    pub fn open(audience: Audience) -> Self {
        Self {
            open: Some(audience),
            ..Self::new()
        }
    }

    /// Accepts a token.
    pub fn token(mut self, token: Token) -> Self {
        self.tokens.push(token);
        self
    }

    /// Allows pages of this origin, such as `https://shop.example`, to call the server (CORS). Without origins, only pages
    /// of the server's own origin may.
    ///
    /// # Errors
    /// [`InvalidOption`] unless it is a scheme and a host, with a port if there is one.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self, InvalidOption> {
        let invalid = || {
            let problem = format!("expected such as `https://shop.example`, found {origin:?}");
            InvalidOption::new("origin", problem)
        };
        let uri: Uri = origin.parse().map_err(|_| invalid())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(invalid());
        };
        if origin != format!("{scheme}://{authority}") {
            return Err(invalid());
        }
        let origin = HeaderValue::try_from(origin).map_err(|_| invalid())?;
        self.origins = self.origins.with(origin);
        Ok(self)
    }

    /// Allows pages of any origin to call the server (CORS). Cookies are never used, so a page can only do what any other
    /// client with its token can.
    pub fn allow_any_origin(mut self) -> Self {
        self.origins = Origins::Any;
        self
    }

    /// Sets the URL at which clients reach the server, if a proxy in front of it removes a prefix of the path or is at
    /// another origin: the base URL that is configured in providers. Event streams are announced below it. Without one,
    /// they are announced by path, at the origin of the provider's base URL.
    ///
    /// # Errors
    /// [`InvalidOption`] unless it is an `http` or `https` URL without query and fragment.
    pub fn public_url(mut self, url: &str) -> Result<Self, InvalidOption> {
        let is_http = |uri: &Uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.authority().is_some()
                && uri.query().is_none()
                && !url.contains('#')
        };
        if !url.parse().is_ok_and(|uri| is_http(&uri)) {
            let problem = format!("expected such as `https://flags.shop.example`, found {url:?}");
            return Err(InvalidOption::new("public URL", problem));
        }
        self.public_url = Some(url.trim_end_matches('/').to_owned());
        Ok(self)
    }

    /// Sets the size limit of a request body in bytes, beyond which it is refused with 413. The default is 256 KiB.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }
}
