//! The admin API with the users of the application: a directory checks passwords, and a proxy names users.
//!
//! ```text
//! cargo run -p own-users
//! api=http://127.0.0.1:3000/waygate/api
//! curl "$api/auth/login" -d '{"username": "lena", "password": "a long password"}'
//! curl "$api/routes" -H 'X-Forwarded-User: petra' -H "X-Proxy-Secret: $PROXY_SECRET"
//! ```

use std::{collections::HashMap, time::Duration};

use axum::{Router, routing::get};
use waygate::{
    Guarded, Waygate,
    admin::{Authenticate, AuthenticateError, Credentials, Identity, Rights, Role},
    model::Registration,
    port::BoxFuture,
    response::RequestParts,
};

/// Stands for a directory such as LDAP: users with their password and their group.
#[derive(Debug, Clone, Default)]
struct Directory {
    users: HashMap<&'static str, (&'static str, &'static str)>,
}

impl Directory {
    /// Binds as the user, and returns the group.
    async fn bind(&self, user: &str, password: &str) -> Result<Option<&'static str>, String> {
        // A real directory is on the network, and may be down.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let found = self.users.get(user);
        Ok(found
            .filter(|(own, _)| *own == password)
            .map(|(_, group)| *group))
    }
}

/// The users of the application.
struct Users {
    directory: Directory,
    /// Only the proxy knows it, and it removes both headers from requests of clients.
    proxy_secret: String,
}

impl Authenticate for Users {
    fn identify<'a>(
        &'a self,
        head: &'a RequestParts,
    ) -> BoxFuture<'a, Result<Option<Identity>, AuthenticateError>> {
        Box::pin(async move {
            let secret = head.headers.get("x-proxy-secret");
            if secret
                .is_none_or(|secret| !is_equal(secret.as_bytes(), self.proxy_secret.as_bytes()))
            {
                return Ok(None);
            }
            let user = head.headers.get("x-forwarded-user");
            let user = user.map(|user| user.to_str()).transpose()?;
            Ok(user.map(|user| Identity::new(user, Role::Viewer)))
        })
    }

    fn log_in<'a>(
        &'a self,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Option<Rights>, AuthenticateError>> {
        Box::pin(async move {
            // Some directories accept an empty password as an anonymous user. Waygate has refused it before.
            let group = self.directory.bind(username, password).await?;
            Ok(match group {
                Some("ops") => Some(Role::Operator.into()),
                Some("billing") => Some(Role::Operator.of(["billing"])?),
                Some(_) => Some(Role::Viewer.into()),
                None => None,
            })
        })
    }
}

/// Compares without a hint of the first difference.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let different = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && different == 0
}

async fn orders() -> &'static str {
    "orders"
}

async fn app(proxy_secret: String) -> Result<Guarded, Box<dyn std::error::Error>> {
    let directory = Directory {
        users: HashMap::from([
            ("lena", ("a long password", "ops")),
            ("olaf", ("another long password", "sales")),
        ]),
    };
    let users = Users {
        directory,
        proxy_secret,
    };
    let waygate = Waygate::builder().build().await?;
    let orders_route = Registration::new("GET:/orders".parse()?);
    waygate.register_all([orders_route]).await?;
    let router = Router::new().route("/orders", get(orders));
    let guarded = waygate.guard(router).await?;
    Ok(guarded.admin("/waygate", Credentials::authenticated_by(users)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("PROXY_SECRET")?;
    let app = app(secret).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::{Value, json};
    use waygate::testing::TestApp;

    use super::*;

    async fn start() -> TestApp {
        let app = app("for tests only".to_owned()).await.unwrap();
        TestApp::new(app.into_router()).from_peer(([127, 0, 0, 1], 40_000))
    }

    #[tokio::test]
    async fn the_directory_checks_passwords_and_gives_roles() {
        let app = start().await;
        let login = async |user: &str, password: &str| {
            let body = json!({ "username": user, "password": password });
            app.post("/waygate/api/auth/login", &body).await
        };
        assert_eq!(login("lena", "wrong").await.status(), 401);
        for (user, password, changes) in [
            ("lena", "a long password", 200),
            ("olaf", "another long password", 403),
        ] {
            let answer = login(user, password).await;
            assert_eq!(answer.status(), 200);
            let token = answer.json::<Value>()["token"].as_str().unwrap().to_owned();
            let app = app.with_header("x-waygate-token", &token);
            let path = "/waygate/api/routes/GET:%2Forders/disable";
            let answer = app.json(Method::POST, path, &json!({})).await;
            assert_eq!(answer.status(), changes, "{user}");
        }
    }

    #[tokio::test]
    async fn only_the_proxy_names_users() {
        let app = start().await.with_header("x-forwarded-user", "petra");
        assert_eq!(app.get("/waygate/api/routes").await.status(), 401);
        let forged = app.with_header("x-proxy-secret", "a guess");
        assert_eq!(forged.get("/waygate/api/routes").await.status(), 401);
        let proxied = app.with_header("x-proxy-secret", "for tests only");
        let answer = proxied.get("/waygate/api/auth/me").await;
        assert_eq!(answer.json::<Value>()["username"], "petra");
    }
}
