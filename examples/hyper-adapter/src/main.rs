//! ```text
//! cargo run -p hyper-adapter
//! curl -i localhost:3000/items/7     # three times: the third is 429
//! curl -i localhost:3000/reports     # 503
//! ```

use std::error::Error;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_adapter::{App, Route};
use tokio::net::TcpListener;
use waygate::{Waygate, limits::RateLimitPolicy};

async fn item(request: Request<Incoming>) -> Response<String> {
    Response::new(format!("{}\n", request.uri().path()))
}

async fn reports(_: Request<Incoming>) -> Response<String> {
    Response::new("reports\n".to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let waygate = Waygate::builder().build().await?;
    let items = Route::new("GET:/items/{id}".parse()?, item);
    let policy = RateLimitPolicy::new("2/minute".parse()?)?;
    let items = items.declare(|route| route.rate_limit(policy));
    let reports = Route::new("GET:/reports".parse()?, reports);
    let app = App::new(waygate.clone(), vec![items, reports]).await?;

    // Operators do this while the service runs.
    waygate
        .system()
        .set_maintenance("/reports", "migration")
        .await?;

    let listener = TcpListener::bind(("127.0.0.1", 3000)).await?;
    println!("{}", waygate.report());
    println!("listening on http://{}", listener.local_addr()?);
    app.serve(listener).await;
    Ok(())
}
