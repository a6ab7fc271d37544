//! Feature flags: with Rust types, as the gate of a route, and to split a route between two handlers.
//!
//! `README.md` walks through it with curl.

mod declared;
mod user;

#[cfg(test)]
mod tests;

use axum::{Json, Router, extract::Query, middleware};
use serde::{Deserialize, Serialize};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Waygate, WaygateBuilder,
    admin::{Admin, Credentials},
    prelude::*,
};

use declared::{BANNER, NEW_CHECKOUT, NEW_SEARCH, PAGE_SIZE};

#[derive(OpenApi)]
#[openapi(info(title = "Shop", version = "1.0.0"))]
struct Document;

/// A page of the shop.
#[derive(Serialize, utoipa::ToSchema)]
struct Page {
    banner: String,
    color: String,
    results: u32,
}

/// Show the shop
#[utoipa::path(get, path = "/", responses((status = OK, body = Page)))]
async fn shop(flags: RequestFlags) -> Json<Page> {
    let banner = BANNER.get(&flags);
    Json(Page {
        banner: banner.text.clone(),
        color: banner.color.clone(),
        results: PAGE_SIZE.get(&flags),
    })
}

/// Pay
#[flag_gate(NEW_CHECKOUT, otherwise = 404)]
#[utoipa::path(post, path = "/checkout", responses((status = OK, body = str)))]
async fn checkout() -> &'static str {
    "paid"
}

/// The query of a search.
#[derive(Deserialize, utoipa::IntoParams)]
struct Search {
    text: String,
}

/// Search
#[utoipa::path(get, path = "/search", params(Search), responses((status = OK, body = str)))]
#[canary(flag = NEW_SEARCH, stable = search_v1)]
async fn search(Query(search): Query<Search>) -> String {
    format!("new results for {}", search.text)
}

async fn search_v1(Query(search): Query<Search>) -> String {
    format!("results for {}", search.text)
}

async fn app(builder: WaygateBuilder) -> Result<(Waygate, Router), Box<dyn std::error::Error>> {
    let waygate = builder.flag_principal::<user::User>().build().await?;
    let api = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(shop))
        .routes(routes!(checkout))
        .routes(routes!(search))
        .with_state(waygate.clone());
    let credentials = Credentials::new("admin", "secret"); // <- CHANGE ME
    let guarded = waygate
        .guard(api)
        .await?
        // Callers must be known before flags are evaluated, so this layer is around the guarded router.
        .layer(middleware::from_fn(user::authenticate))
        .docs("/docs")
        .admin("/waygate", Admin::new(credentials).flags(true));
    Ok((waygate, guarded.into_router()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (waygate, router) = app(Waygate::from_env()?).await?;
    println!("{}", waygate.report());
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}
