//! Values: what goes in comes out, on both engines.

use moothall_protocol::{Timestamp, UserId};
use moothall_store::{Error, Json, Migration, Value, params, values};
use moothall_testing::databases::on_both_engines;
use serde_json::json;
use uuid::Uuid;

const SCHEMA: &[Migration] = &[Migration {
    name: "20261123000000_values",
    sql: "CREATE TABLE samples (
              n {i64} PRIMARY KEY, b {bool}, s {i16}, i {i32}, l {i64}, r {real}, t {text}, y {bytes}, u {id}, at {time}, j {json}
          ) {strict}",
}];

const INSERT: &str = "INSERT INTO samples (n, b, s, i, l, r, t, y, u, at, j) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const ALL: &str = "SELECT b, s, i, l, r, t, y, u, at, j FROM samples WHERE n = $1";

type Sample = (
    Option<bool>,
    Option<i16>,
    Option<i32>,
    Option<i64>,
    Option<f64>,
    Option<String>,
    Option<Vec<u8>>,
    Option<UserId>,
    Option<Timestamp>,
    Option<serde_json::Value>,
);

#[tokio::test]
async fn every_type_comes_back_as_it_was_also_at_its_ends() {
    let id = |byte| Some(UserId::from_uuid(Uuid::from_bytes([byte; 16])));
    let samples: Vec<Sample> = vec![
        (None, None, None, None, None, None, None, None, None, None),
        (
            Some(true),
            Some(i16::MIN),
            Some(i32::MIN),
            Some(i64::MIN),
            Some(f64::MIN),
            Some(String::new()),
            Some(vec![]),
            id(0),
            Some(Timestamp::MIN),
            Some(json!({})),
        ),
        (
            Some(false),
            Some(i16::MAX),
            Some(i32::MAX),
            Some(i64::MAX),
            Some(f64::MAX),
            Some("Ärger 🏛 'quoted' $1 {in $2}".into()),
            Some((0..=255).collect()),
            id(255),
            Some(Timestamp::MAX),
            Some(json!({"deep": [1, 2.5, null, "x", {"true": false}]})),
        ),
        (
            Some(true),
            Some(0),
            Some(-1),
            Some(0),
            Some(-0.1),
            Some("x".repeat(100_000)),
            Some(vec![0; 100_000]),
            id(7),
            Some(Timestamp::from_micros(-1)),
            Some(json!("a \\u0000 that is none")),
        ),
    ];
    on_both_engines(|database| {
        let samples = samples.clone();
        async move {
            let store = database.open().await;
            store.migrate(SCHEMA, |_| {}).await.unwrap();
            for (n, sample) in samples.into_iter().enumerate() {
                let put = sample.clone();
                let got: Sample = store
                    .write(move |tx| {
                        let (b, s, i, l, r, t, y, u, at, j) = &put;
                        tx.execute(INSERT, params![n, b, s, i, l, r, t, y, u, at, j])?;
                        let row = tx.query_one(ALL, params![n])?;
                        Ok::<_, Error>((
                            row.get(0)?,
                            row.get(1)?,
                            row.get(2)?,
                            row.get(3)?,
                            row.get(4)?,
                            row.get(5)?,
                            row.get(6)?,
                            row.get(7)?,
                            row.get(8)?,
                            row.get(9)?,
                        ))
                    })
                    .await
                    .unwrap();
                assert_eq!(got, sample);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_one_engine_could_not_hold_is_refused_by_both() {
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(SCHEMA, |_| {}).await.unwrap();
        let text =
            store.write(|tx| tx.execute("INSERT INTO samples (n, t) VALUES (1, $1)", params!["a\0b"])).await;
        assert!(matches!(text, Err(Error::Type { .. })), "{text:?}");
        let json = store
            .write(|tx| tx.execute("INSERT INTO samples (n, j) VALUES (1, $1)", params![json!("a\0b")]))
            .await;
        assert!(matches!(json, Err(Error::Type { .. })), "{json:?}");
        let nan = store
            .write(|tx| tx.execute("INSERT INTO samples (n, r) VALUES (1, $1)", params![f64::NAN]))
            .await;
        assert!(matches!(nan, Err(Error::Type { .. })), "{nan:?}");
        let wide = store
            .write(|tx| tx.execute("INSERT INTO samples (n, l) VALUES (1, $1)", params![u64::MAX]))
            .await;
        assert!(matches!(wide, Err(Error::Type { .. })), "{wide:?}");
        let count =
            store.write(|tx| tx.execute("INSERT INTO samples (n, l) VALUES (1, $1)", params![1, 2])).await;
        assert!(matches!(count, Err(Error::Statement(_))), "{count:?}");
    })
    .await;
}

#[tokio::test]
async fn a_column_read_as_another_type_says_which_and_why() {
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(SCHEMA, |_| {}).await.unwrap();
        store.write(|tx| tx.execute("INSERT INTO samples (n, l) VALUES (1, -5)", params![])).await.unwrap();
        let error = store
            .read(|tx| tx.query_one("SELECT t, l FROM samples", params![])?.get::<u32>(1))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("column 1") && error.to_string().contains("-5"), "{error}");
        let error = store
            .read(|tx| tx.query_one("SELECT t FROM samples", params![])?.get::<String>(0))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("NULL"), "{error}");
        let error = store
            .read(|tx| tx.query_one("SELECT t FROM samples", params![])?.get::<String>(4))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("column 4"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn one_row_is_one_row() {
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(SCHEMA, |_| {}).await.unwrap();
        store.write(|tx| tx.execute("INSERT INTO samples (n) VALUES (1), (2)", params![])).await.unwrap();
        let many = store.read(|tx| tx.query_one("SELECT n FROM samples", params![]).map(drop)).await;
        assert!(matches!(many, Err(Error::TooManyRows)), "{many:?}");
        let none = store.read(|tx| tx.query_opt("SELECT n FROM samples WHERE n = 3", params![])).await;
        assert!(matches!(none, Ok(None)), "{none:?}");
    })
    .await;
}

#[tokio::test]
async fn arrays_select_by_membership_whatever_their_type_and_size() {
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(SCHEMA, |_| {}).await.unwrap();
        let id = |n: u8| UserId::from_uuid(Uuid::from_bytes([n; 16]));
        store
            .write(move |tx| {
                for n in 0..10_u8 {
                    tx.execute(
                        "INSERT INTO samples (n, u, t) VALUES ($1, $2, $3)",
                        params![n, id(n), format!("t{n}")],
                    )?;
                }
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        let (ids, texts, numbers, empty) = store
            .read(move |tx| {
                let ids = vec![id(1), id(3), id(77)];
                let texts = ["t2".to_owned(), "t4".to_owned()];
                let numbers: Vec<i64> = (5..100_000).collect();
                Ok::<_, Error>((
                    tx.query("SELECT n FROM samples WHERE u {in $1}", params![ids])?.len(),
                    tx.query("SELECT n FROM samples WHERE t {in $1}", params![&texts[..]])?.len(),
                    tx.query("SELECT n FROM samples WHERE n >= $2 AND n {in $1}", params![numbers, 0_i64])?
                        .len(),
                    tx.query("SELECT n FROM samples WHERE u {in $1}", params![Vec::<UserId>::new()])?.len(),
                ))
            })
            .await
            .unwrap();
        assert_eq!((ids, texts, numbers, empty), (2, 2, 5, 0));
    })
    .await;
}

#[tokio::test]
async fn many_rows_are_inserted_past_every_limit_of_parameters_and_all_or_none() {
    const MANY: &str = "INSERT INTO samples (n, l, t)";
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(SCHEMA, |_| {}).await.unwrap();
        let rows: Vec<Vec<Value>> =
            (0..30_011_i64).map(|n| values![n, -n, format!("row {n}")].unwrap()).collect();
        let mut doubled = rows.clone();
        doubled.push(rows[5].clone());
        let refused = store.write(move |tx| tx.insert_many(MANY, 3, &doubled)).await;
        assert_eq!(refused.unwrap_err().constraint(), Some("samples_pkey"));
        assert_eq!(store.write(move |tx| tx.insert_many(MANY, 3, &rows)).await.unwrap(), 30_011);
        let sum = "SELECT count(*), CAST(sum(n + l) AS bigint) FROM samples";
        let (count, sum) = store
            .read(move |tx| {
                let row = tx.query_one(sum, params![])?;
                Ok::<(i64, i64), Error>((row.get(0)?, row.get(1)?))
            })
            .await
            .unwrap();
        assert_eq!((count, sum), (30_011, 0));
        let again = values![5_i64, 1_i64, "again"].unwrap();
        let upsert = "INSERT INTO samples (n, l, t) {rows} ON CONFLICT (n) DO NOTHING";
        store.write(move |tx| tx.insert_many(upsert, 3, std::slice::from_ref(&again))).await.unwrap();
        let short = store.write(|tx| tx.insert_many(MANY, 3, &[vec![Value::Null]])).await;
        assert!(matches!(short, Err(Error::Type { .. })), "{short:?}");
    })
    .await;
}

#[tokio::test]
async fn json_reads_as_the_type_it_holds() {
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(SCHEMA, |_| {}).await.unwrap();
        let Json(got): Json<Vec<(String, u8)>> = store
            .write(|tx| {
                let document = Json(vec![("ana", 1_u8), ("ben", 2)]);
                tx.execute("INSERT INTO samples (n, j) VALUES (1, $1)", params![document])?;
                tx.query_one("SELECT j FROM samples", params![])?.get(0)
            })
            .await
            .unwrap();
        assert_eq!(got, [("ana".to_owned(), 1), ("ben".to_owned(), 2)]);
        let wrong =
            store.read(|tx| tx.query_one("SELECT j FROM samples", params![])?.get::<Json<u8>>(0)).await;
        assert!(matches!(wrong, Err(Error::Type { .. })));
    })
    .await;
}

#[tokio::test]
async fn statements_an_engine_refuses_are_named() {
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(SCHEMA, |_| {}).await.unwrap();
        store.prepare_all(&[("INSERT", INSERT), ("ALL", ALL)]).await.unwrap();
        let error =
            store.prepare_all(&[("ALL", ALL), ("WRONG", "SELECT nothing FROM samples")]).await.unwrap_err();
        assert!(error.to_string().starts_with("WRONG: "), "{error}");
    })
    .await;
}

#[tokio::test]
async fn appended_rows_are_written_together_refused_when_full_and_durable_when_asked() {
    const APPEND: &str = "INSERT INTO samples (n, t)";
    on_both_engines(|database| async move {
        let store = database.open().await;
        store.migrate(SCHEMA, |_| {}).await.unwrap();
        let appender = store.appender(APPEND, 2, 50);
        let count = async || {
            store
                .read(|tx| tx.query_one("SELECT count(*) FROM samples", params![])?.get::<i64>(0))
                .await
                .unwrap()
        };
        // Nobody else runs on this thread until the next await, so the queue fills up.
        let fitted = (0..60).filter(|n: &i64| appender.append(values![*n, "x"].unwrap()).is_ok()).count();
        assert_eq!(fitted, 50);
        appender.flush().await;
        assert_eq!(count().await, 50);
        appender.append_durable(values![100_i64, "durable"].unwrap()).await.unwrap();
        assert_eq!(count().await, 51);
        // One bad row takes none of the good ones along.
        appender.append(values![200_i64, "good"].unwrap()).unwrap();
        let bad = appender.append_durable(values![100_i64, "twice"].unwrap()).await;
        assert_eq!(bad.unwrap_err().constraint(), Some("samples_pkey"));
        assert_eq!(count().await, 52);
    })
    .await;
}
