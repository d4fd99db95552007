//! Properties that all keys must have.

use super::*;
use proptest::prelude::*;

#[test]
fn a_count_key_tells_its_year() {
    for list in [List::Users, List::Organizations] {
        assert_eq!(list.count_year(&list.count(2026, 7).sk), Some(2026));
        assert_eq!(list.count_year(&list.count(1, 0).sk), Some(1));
    }
}

#[test]
fn keys_of_different_kinds_never_meet() {
    let name = Username::parse("x").expect("a name");
    let email = EmailAddress::parse("x@x.example").expect("an address");
    let keys = [username(&name), super::email(&email), verified_address(&email)];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[index + 1..].contains(key));
    }
}

proptest! {
    #[test]
    fn a_block_of_the_search_index_tells_its_list_and_its_place(micros: i64, id: u128, letter: Option<char>) {
        let position = Position::new(List::Users, Timestamp::from_micros(micros), Uuid::from_u128(id));
        let third = third(letter);
        let key = block(term("E", &['a', 'b']), &third, &position.sk);
        prop_assert_eq!(third_of(&key.sk), Some(&third[..]));
        prop_assert_eq!(place_after(&third, &key.sk), Some(&position.sk[..]));
    }

    #[test]
    fn places_sort_by_moment_then_id(a: (i64, u128), b: (i64, u128)) {
        let position = |(micros, id)| Position::new(List::Users, Timestamp::from_micros(micros), Uuid::from_u128(id));
        let moment = |(micros, _): (i64, u128)| Timestamp::from_micros(micros);
        prop_assert_eq!(position(a).cmp(&position(b)), (moment(a), a.1).cmp(&(moment(b), b.1)));
    }

    #[test]
    fn a_place_is_known_by_its_sort_key(micros: i64, id: u128) {
        let position = Position::new(List::Users, Timestamp::from_micros(micros), Uuid::from_u128(id));
        prop_assert_eq!(Position::parse(List::Users, &position.sk), Some(position.clone()));
        prop_assert_eq!(Position::id(&position.sk), Some(Uuid::from_u128(id)));
    }

    #[test]
    fn distinct_users_have_distinct_keys(a: u128, b: u128) {
        prop_assume!(a != b);
        prop_assert_ne!(user(UserId(Uuid::from_u128(a))), user(UserId(Uuid::from_u128(b))));
    }
}
