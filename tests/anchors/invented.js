/** Texts of our own in several scripts, revised by a seed as people revise texts: corrected, rewritten, moved, cut, added to. */
import { seeded } from '../client/world.js'

/** Sentences are made of these by chance, so that much is said in like words, as in real texts. @type {Record<string, {words: string, blank: string, stop: string}>} */
const LANGUAGES = {
  en: { blank: ' ', stop: '. ', words: 'the a ferry leaves at seven nobody on quay believes timetable and harbour master writes everything down twice once for town himself by noon fog has gone gulls have taken over ticket office old bridge stood ninety years work new one begun in March mayor opened it heavy rain umbrellas were lost that day second book last page single word not kind light keeper counts ships without wind no longer comes here before evening' },
  de: { blank: ' ', stop: '. ', words: 'die Fähre legt um sieben ab niemand am Kai glaubt dem Fahrplan und der Hafenmeister schreibt alles zweimal auf einmal für Stadt sich selbst gegen Mittag ist Nebel fort Möwen haben Schalter übernommen alte Brücke stand neunzig Jahre neue wurde im Regen eröffnet Bürgermeister verlor seinen Schirm an diesem Tag zweites Buch letzte Seite einziges Wort kein freundliches Leuchtturm wärter zählt Schiffe ohne Wind' },
  fr: { blank: ' ', stop: '. ', words: 'le la bac part à sept heures personne sur quai ne croit horaire et capitaine du port écrit tout deux fois une pour ville lui-même vers midi brouillard est parti mouettes ont pris guichet vieux pont tenait depuis ans nouveau fut ouvert sous pluie maire perdit son parapluie ce jour dernière page second livre un seul mot pas aimable gardien compte navires sans vent' },
  ru: { blank: ' ', stop: '. ', words: 'паром уходит в семь никто на пристани не верит расписанию и начальник порта записывает всё дважды один раз для города себя к полудню туман ушёл чайки заняли кассу старый мост стоял девяносто лет новый открыли под дождём мэр потерял зонт тот день последняя страница второй книги одно слово недоброе смотритель маяка считает корабли без ветра' },
  ar: { blank: ' ', stop: '. ', words: 'تغادر العبارة في السابعة ولا أحد على الرصيف يصدق الجدول ومدير الميناء يكتب كل شيء مرتين مرة للمدينة ومرة لنفسه عند الظهر ذهب الضباب واستولت النوارس على المكتب الجسر القديم وقف تسعين سنة والجديد فتح تحت المطر فقد العمدة مظلته ذلك اليوم الصفحة الأخيرة من الكتاب الثاني كلمة واحدة' },
  zh: { blank: '', stop: '。', words: '渡船 七点 离开 码头 上 没有 人 相信 时刻表 港口 主任 把 一切 写下 两遍 一遍 给 城里 自己 中午 雾 散了 海鸥 占领 售票处 旧 桥 站 了 九十 年 新 的 在 雨 中 开放 市长 丢 伞 那 天 第二 本 书 最后 一 页 一个 词 不 友好 灯塔 看守 数 船 无 风' },
  ja: { blank: '', stop: '。', words: '渡し船 は 七時 に 出る 波止場 で 誰も 時刻表 を 信じ ない 港長 すべて 二度 書く 一度 町 の ため 自分 昼 まで 霧 晴れ かもめ が 切符 売り場 占め た 古い 橋 九十年 立っ て い 新しい 雨 中 開い 市長 傘 なくし その 日 二冊目 本 最後 頁 言葉 一つ やさしく 灯台 守 船 数える 風' },
}

/** @param {ReturnType<typeof seeded>} random  @param {{words: string, blank: string, stop: string}} language */
function written(random, { words, blank, stop }) {
  const common = words.split(' ')
  // Half of what is said is said in common words, and half in words that are rare: halves of common ones, joined.
  const half = (/** @type {number} */ from) => { const word = random.pick(common); return from ? word.slice(word.length >> 1) : word.slice(0, (word.length + 1) >> 1) }
  const rare = Array.from({ length: 600 }, () => half(0) + half(1))
  const word = () => random.pick(random.chance(0.5) ? common : rare)
  const sentence = () => Array.from({ length: 5 + random.below(14) }, word).join(blank) + stop
  return { word, sentence, paragraphs: () => Array.from({ length: 14 + random.below(10) }, () => Array.from({ length: 2 + random.below(4) }, sentence)) }
}

/**
 * Pairs of which each has a few paragraphs left alone, and others revised.
 * @param {number} seed  @param {number} [each] pairs of a language
 * @returns {import('./pairs.js').Pair[]}
 */
export function invented(seed, each = 6) {
  const random = seeded(seed)
  return Object.entries(LANGUAGES).flatMap(([language, of]) => Array.from({ length: each }, (_, n) => {
    const { word, sentence, paragraphs } = written(random, of), before = paragraphs()
    const after = before.map(paragraph => paragraph.map(each => random.chance(0.75) ? each : revised(each)))
    /** @param {string} one  @returns {string} */
    function revised(one) {
      const way = random.below(10), at = random.below(one.length - 2)
      if (way < 4) return one.slice(0, at) + random.pick([...of.words.replaceAll(' ', '')]) + one.slice(at + random.below(2))
      const parts = of.blank ? one.split(of.blank) : one.match(/.{1,3}/gu) ?? [one]
      const spot = random.below(parts.length - 1)
      if (way < 6) return parts.toSpliced(spot, 1, word()).join(of.blank)
      if (way < 7) return parts.toSpliced(spot, 2).join(of.blank)
      if (way < 8) return parts.toSpliced(spot, 0, word(), word()).join(of.blank)
      if (way < 9) return ''
      return sentence()
    }
    // One paragraph moves, one goes, two are new.
    const leaves = random.below(before.length), moved = before[leaves]
    after.splice(leaves, 1)
    after.splice(random.below(after.length), 0, moved)
    after.splice(random.below(after.length), 1)
    for (let times = 0; times < 2; times++) after.splice(random.below(after.length), 0, [sentence(), sentence()])
    const text = (/** @type {string[][]} */ paragraphs) => paragraphs.map(each => each.join('').trim()).filter(Boolean).join(of.blank || ' ').replace(/ {2,}/g, ' ').trim()
    return { name: `${language} ${n}`, language, before: text(before), after: text(after) }
  }))
}
