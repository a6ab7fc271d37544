use waygate::prelude::*;

#[sunset("2030-01-01")]
async fn a_date_without_a_name() {}

#[waygate::deprecated("2030-01-01")]
async fn the_same_by_its_other_name() {}

#[sunset(sunset = "2030-01-01", route = "GET /a")]
#[waygate::deprecated(since = "2029-01-01")]
async fn both() {}

fn main() {}
