//! Joining by the code.

use super::*;

fn by_code(code: &str) -> JoinParty {
    JoinParty { code: code.to_owned() }
}

#[tokio::test]
async fn whoever_has_the_code_joins_an_open_party_and_no_closed_one() {
    on_both_engines(async |hall| {
        let [ana, ben] = &mut players(hall).await;
        let party = ana.create().await;
        let key = party.code.clone().unwrap();
        assert!(
            key.bytes().all(|letter| crate::codes::LETTERS.contains(&letter)),
            "{key} has no letter that looks alike"
        );
        assert_eq!(code(join(&ben.cx, by_code(&key)).await), "party_closed");
        let open = |is_open| UpdateParty {
            party_id: party.id,
            invites_by: None,
            is_open: Some(is_open),
            follow_leader: None,
            if_version: None,
        };
        update(&ana.cx, open(true)).await.unwrap();
        let joined = join(&ben.cx, by_code(&key.to_lowercase())).await.unwrap();
        assert_eq!(members(&joined), [ana.id, ben.id]);
        let renewed = renew_code(&ana.cx, RenewPartyCode { party_id: party.id }).await.unwrap();
        assert_ne!(renewed.code.as_ref(), Some(&key));
        ben.leave(party.id).await.unwrap();
        assert_eq!(code(join(&ben.cx, by_code(&key)).await), "party_code_unknown", "the old code is void");
        update(&ana.cx, open(false)).await.unwrap();
        ana.invite(party.id, ben).await.unwrap();
        join(&ben.cx, by_code(&renewed.code.unwrap())).await.unwrap();
        assert!(ben.invites().await.is_empty(), "whoever is invited may use the code too");
    })
    .await;
}

#[tokio::test]
async fn guesses_of_codes_are_slowed_down() {
    on_both_engines(async |hall| {
        let [ana, ben] = &mut players(hall).await;
        let open = CreateParty { is_open: Some(true), ..CreateParty::default() };
        let key = create(&ana.cx, open).await.unwrap().code.unwrap();
        for _ in 0..PARTY_CODE_GUESSES_MAX {
            assert_eq!(code(join(&ben.cx, by_code("AAAAAAAA")).await), "party_code_unknown");
            let throttled = code(join(&ben.cx, by_code(&key)).await);
            if throttled == "party_code_throttled" {
                break;
            }
            ben.leave(ben.party().await.unwrap().id).await.unwrap();
        }
        assert_eq!(code(join(&ben.cx, by_code(&key)).await), "party_code_throttled", "the right one as well");
        hall.clock.advance(Duration::from_secs(1));
        join(&ben.cx, by_code(&key)).await.unwrap();
    })
    .await;
}
