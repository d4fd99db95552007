//! Plausible people: names of several countries, common and rare ones, for measurements of searches.

use shared::model::{EmailAddress, Flags, Timestamp, User, UserId, Username};

/// First and last names of one country, the most common first.
struct Country {
    first: &'static [&'static str],
    last: &'static [&'static str],
    /// From these, rarer last names are made.
    syllables: &'static [&'static str],
    domain: &'static str,
}

const COUNTRIES: &[Country] = &[
    Country {
        first: &[
            "James",
            "Mary",
            "John",
            "Patricia",
            "Robert",
            "Jennifer",
            "Michael",
            "Linda",
            "David",
            "Elizabeth",
            "William",
            "Barbara",
            "Richard",
            "Susan",
            "Joseph",
            "Jessica",
            "Thomas",
            "Sarah",
            "Charles",
            "Karen",
            "Jonathan",
            "Margaret",
            "Zachary",
            "Beverly",
            "Quentin",
        ],
        last: &[
            "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Wilson", "Anderson",
            "Taylor", "Moore", "Jackson", "Martin", "Lee", "Thompson", "White", "Harris", "Clark", "Lewis",
        ],
        syllables: &[
            "Ash", "Brook", "Crom", "Dun", "Eld", "Fair", "Gold", "Har", "ing", "ley", "mond", "shaw", "ton", "wick",
            "worth",
        ],
        domain: "com",
    },
    Country {
        first: &[
            "Hans",
            "Anna",
            "Peter",
            "Ursula",
            "Michael",
            "Sabine",
            "Thomas",
            "Monika",
            "Andreas",
            "Petra",
            "Wolfgang",
            "Birgit",
            "Jürgen",
            "Heike",
            "Klaus",
            "Jörg",
            "Käthe",
            "Günther",
            "Friederike",
            "Xaver",
        ],
        last: &[
            "Müller",
            "Schmidt",
            "Schneider",
            "Fischer",
            "Weber",
            "Meyer",
            "Wagner",
            "Becker",
            "Schulz",
            "Hoffmann",
            "Schäfer",
            "Koch",
            "Bauer",
            "Richter",
            "Klein",
            "Wolf",
            "Schröder",
            "Neumann",
            "Schwarz",
            "Zimmermann",
        ],
        syllables: &[
            "Alt", "Berg", "Dorn", "Eich", "Feld", "Grün", "Holz", "Kirch", "hausen", "heim", "inger", "mann",
            "meister", "stein", "wald",
        ],
        domain: "de",
    },
    Country {
        first: &[
            "Antonio",
            "María",
            "José",
            "Carmen",
            "Manuel",
            "Josefa",
            "Francisco",
            "Isabel",
            "Juan",
            "Dolores",
            "Javier",
            "Pilar",
            "Álvaro",
            "Lucía",
            "Sergio",
            "Íñigo",
            "Begoña",
            "Joaquín",
            "Ximena",
            "Concepción",
        ],
        last: &[
            "García",
            "Fernández",
            "González",
            "Rodríguez",
            "López",
            "Martínez",
            "Sánchez",
            "Pérez",
            "Gómez",
            "Martín",
            "Jiménez",
            "Ruiz",
            "Hernández",
            "Díaz",
            "Moreno",
            "Álvarez",
            "Muñoz",
            "Romero",
            "Alonso",
            "Gutiérrez",
        ],
        syllables: &[
            "Agui", "Bena", "Cala", "Del", "Eche", "Fuen", "Izqui", "lar", "mendi", "nal", "que", "rrero", "tes",
            "verde", "zarra",
        ],
        domain: "es",
    },
    Country {
        first: &[
            "Rahul",
            "Priya",
            "Amit",
            "Sunita",
            "Rajesh",
            "Anita",
            "Sanjay",
            "Kavita",
            "Vijay",
            "Pooja",
            "Arjun",
            "Deepika",
            "Krishnamurthy",
            "Lakshmi",
            "Zubin",
        ],
        last: &[
            "Kumar",
            "Singh",
            "Sharma",
            "Patel",
            "Gupta",
            "Reddy",
            "Iyer",
            "Nair",
            "Rao",
            "Das",
            "Mukherjee",
            "Chatterjee",
            "Banerjee",
            "Krishnan",
            "Desai",
        ],
        syllables: &[
            "Aggar", "Bhat", "Chau", "Deo", "Gop", "Jha", "Kri", "al", "anand", "endra", "hary", "pathy", "swamy",
            "wal", "wari",
        ],
        domain: "in",
    },
    Country {
        first: &[
            "Иван",
            "Мария",
            "Александр",
            "Елена",
            "Сергей",
            "Ольга",
            "Дмитрий",
            "Наталья",
            "Андрей",
            "Татьяна",
            "Юрий",
            "Эльвира",
        ],
        last: &[
            "Иванов",
            "Смирнова",
            "Кузнецов",
            "Попова",
            "Васильев",
            "Петрова",
            "Соколов",
            "Михайлова",
            "Новиков",
            "Фёдорова",
        ],
        syllables: &[
            "Бел",
            "Вол",
            "Гор",
            "Жук",
            "Зим",
            "Кар",
            "ец",
            "ин",
            "кин",
            "ов",
            "овский",
            "таев",
            "чук",
            "щенко",
            "юк",
        ],
        domain: "ru",
    },
    Country {
        first: &["伟", "芳", "娜", "秀英", "敏", "静", "丽", "强", "磊", "军"],
        last: &["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴"],
        syllables: &["欧", "司", "上", "诸", "东", "南", "官", "马", "葛", "方", "宫", "门", "阳", "徒", "夏"],
        domain: "cn",
    },
];

/// How many of 10 people come from each country.
const SHARES: [usize; 6] = [4, 2, 1, 1, 1, 1];
const MAIL_HOSTS: &[&str] = &["mail", "post", "inbox", "webmail", "university", "office", "zoo", "quarterly"];

/// The person with that number, who joined then; the other fields are those of `pattern`. One of a hundred is inactive.
pub fn person(pattern: &User, number: usize, joined: Timestamp) -> User {
    let mut dice = Dice(u64::try_from(number).expect("small").wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d);
    let mut share = dice.below(SHARES.iter().sum());
    let mut chosen = 0;
    while share >= SHARES[chosen] {
        share -= SHARES[chosen];
        chosen += 1;
    }
    let country = &COUNTRIES[chosen];
    let first = country.first[dice.zipf(country.first.len())];
    let last = if dice.below(10) < 6 {
        country.last[dice.zipf(country.last.len())].to_owned()
    } else {
        let mut parts = country.syllables.iter().collect::<Vec<_>>();
        let begin = parts.swap_remove(dice.below(parts.len()));
        let end = parts[dice.below(parts.len())].to_lowercase();
        format!("{begin}{end}")
    };
    let (given, family) = (latin(first), latin(&last));
    let stem = match dice.below(4) {
        0 => format!("{given}.{family}"),
        1 => format!("{}{family}", &given[..1]),
        2 => format!("{family}_{given}"),
        _ => given.clone(),
    };
    let username = format!("{stem}{number}");
    let host = MAIL_HOSTS[dice.zipf(MAIL_HOSTS.len())];
    let email = format!("{given}.{family}{}@{host}.example.{}", dice.below(1000), country.domain);
    let moment = u64::try_from(joined.micros() / 1000).expect("after 1970");
    let id = uuid::Builder::from_unix_timestamp_millis(moment, &dice.bytes()).into_uuid();
    User {
        id: UserId(id),
        username: Username::parse(&username).expect("a name"),
        first_name: first.to_owned(),
        last_name: last,
        email: EmailAddress::parse(&email),
        date_joined: joined,
        flags: Flags { is_active: dice.below(100) != 0, ..pattern.flags },
        ..pattern.clone()
    }
}

/// ASCII letters for a name, as people choose them for user names.
fn latin(name: &str) -> String {
    let letter = |c: char| match c {
        'ä' | 'á' | 'а' => "a".to_owned(),
        'é' | 'е' | 'ё' | 'э' => "e".to_owned(),
        'í' | 'и' | 'й' => "i".to_owned(),
        'ö' | 'ó' | 'о' => "o".to_owned(),
        'ü' | 'ú' | 'у' | 'ю' => "u".to_owned(),
        'ñ' | 'н' => "n".to_owned(),
        c if c.is_ascii_alphabetic() => c.to_string(),
        c => {
            let code = usize::try_from(u32::from(c)).expect("small");
            let consonant = ["b", "d", "g", "k", "l", "m", "r", "s", "t", "v", "zh", "x"][code % 12];
            let vowel = if code > 0x3000 { ["a", "ei", "ong", "u"][code / 12 % 4] } else { "" };
            format!("{consonant}{vowel}")
        }
    };
    name.to_lowercase().chars().map(letter).collect()
}

/// Numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).expect("small")).expect("small")
    }

    /// The lower, the more likely: in inverse proportion to the rank.
    fn zipf(&mut self, end: usize) -> usize {
        let weight = |rank: usize| 27_720 / (rank + 1);
        let mut share = self.below((0..end).map(weight).sum());
        (0..end)
            .find(|&rank| {
                let is_it = share < weight(rank);
                share = share.saturating_sub(weight(rank));
                is_it
            })
            .unwrap_or(0)
    }

    fn bytes(&mut self) -> [u8; 10] {
        std::array::from_fn(|_| u8::try_from(self.next() & 0xff).expect("a byte"))
    }
}
