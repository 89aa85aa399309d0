-- The shop database: what a migration has to get right, in a size that moves in seconds.
--
-- Every value comes from the row's number, so two fills are the same to the byte. `shop` sets the session variables @products,
-- @customers, … (rows of a table) and selects the schema before. TiDB 8.5.6 takes every table and view as it stands here; there
-- is no CHECK, FULLTEXT, spatial column, trigger or routine: the tests that want a refusal add their own.

SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci;
SET time_zone = '+00:00', sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';
SET foreign_key_checks = 0, unique_checks = 0, optimizer_switch = 'block_nested_loop=off';

-- Tables --------------------------------------------------------------------------------------------------------------------

CREATE TABLE countries (
  code CHAR(2) NOT NULL,
  name VARCHAR(60) NOT NULL,
  vat DECIMAL(5,2) DEFAULT NULL,
  flag VARCHAR(8) DEFAULT NULL COMMENT 'two regional indicators, four bytes each',
  PRIMARY KEY (code)
);

-- A foreign key to itself.
CREATE TABLE categories (
  id INT NOT NULL AUTO_INCREMENT,
  parent_id INT DEFAULT NULL,
  name VARCHAR(80) NOT NULL,
  `rank` SMALLINT UNSIGNED NOT NULL DEFAULT '0',
  PRIMARY KEY (id),
  UNIQUE KEY name (name),
  KEY parent_id (parent_id),
  CONSTRAINT categories_parent FOREIGN KEY (parent_id) REFERENCES categories (id) ON DELETE SET NULL
);

CREATE TABLE suppliers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT,
  country_code CHAR(2) DEFAULT NULL,
  name VARCHAR(100) NOT NULL,
  vat_number VARCHAR(20) COLLATE utf8mb4_bin DEFAULT NULL,
  since YEAR DEFAULT NULL,
  notes TINYTEXT,
  PRIMARY KEY (id),
  UNIQUE KEY vat_number (vat_number),
  KEY country_code (country_code),
  CONSTRAINT suppliers_country FOREIGN KEY (country_code) REFERENCES countries (code) ON UPDATE CASCADE
);

CREATE TABLE products (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT,
  sku VARCHAR(24) COLLATE utf8mb4_bin NOT NULL,
  category_id INT NOT NULL,
  supplier_id INT UNSIGNED DEFAULT NULL,
  name VARCHAR(120) NOT NULL,
  price DECIMAL(20,6) NOT NULL,
  price_with_vat DECIMAL(20,6) GENERATED ALWAYS AS ((price * 1.2)) STORED,
  weight FLOAT DEFAULT NULL,
  rating DOUBLE DEFAULT NULL,
  attributes JSON DEFAULT NULL,
  brand VARCHAR(40) GENERATED ALWAYS AS (json_unquote(json_extract(attributes, '$.brand'))) VIRTUAL,
  state ENUM('draft','on sale','sold out','retired') NOT NULL DEFAULT 'draft',
  labels SET('new','fragile','heavy','gift') DEFAULT NULL,
  thumbnail BLOB,
  released DATE DEFAULT NULL,
  updated_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  UNIQUE KEY sku (sku),
  KEY category_id (category_id),
  KEY supplier_price (supplier_id, price),
  KEY name_prefix (name(20)),
  CONSTRAINT products_category FOREIGN KEY (category_id) REFERENCES categories (id),
  CONSTRAINT products_supplier FOREIGN KEY (supplier_id) REFERENCES suppliers (id) ON DELETE SET NULL
);

-- A composite key of a number and a string.
CREATE TABLE product_translations (
  product_id INT UNSIGNED NOT NULL,
  language VARCHAR(8) COLLATE utf8mb4_bin NOT NULL,
  title VARCHAR(160) NOT NULL,
  description TEXT,
  PRIMARY KEY (product_id, language),
  CONSTRAINT translations_product FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);

-- A composite key that begins with a string.
CREATE TABLE stock (
  warehouse CHAR(3) NOT NULL,
  product_id INT UNSIGNED NOT NULL,
  pieces MEDIUMINT NOT NULL,
  counted_at DATETIME DEFAULT NULL,
  shelf BINARY(4) DEFAULT NULL,
  PRIMARY KEY (warehouse, product_id),
  KEY product_id (product_id),
  CONSTRAINT stock_product FOREIGN KEY (product_id) REFERENCES products (id)
);

CREATE TABLE customers (
  id BIGINT NOT NULL AUTO_INCREMENT,
  email VARCHAR(190) NOT NULL,
  first_name VARCHAR(60) NOT NULL,
  last_name VARCHAR(60) DEFAULT NULL,
  full_name VARCHAR(130) GENERATED ALWAYS AS (concat(first_name, ' ', coalesce(last_name, ''))) VIRTUAL,
  nickname VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci DEFAULT NULL,
  password_hash VARBINARY(32) DEFAULT NULL,
  birth_year YEAR DEFAULT NULL,
  permissions BIT(12) NOT NULL DEFAULT b'1',
  newsletter TINYINT(1) DEFAULT NULL,
  points BIGINT UNSIGNED NOT NULL DEFAULT '0',
  balance BIGINT DEFAULT NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  KEY created_at (created_at)
) COLLATE = utf8mb4_general_ci;

CREATE TABLE addresses (
  id BIGINT NOT NULL AUTO_INCREMENT,
  customer_id BIGINT NOT NULL,
  country_code CHAR(2) NOT NULL,
  street VARCHAR(120) NOT NULL,
  city VARCHAR(80) NOT NULL,
  zip VARCHAR(12) DEFAULT NULL,
  latitude DOUBLE DEFAULT NULL,
  longitude DOUBLE DEFAULT NULL,
  PRIMARY KEY (id),
  KEY customer_id (customer_id),
  KEY country_code (country_code),
  CONSTRAINT addresses_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE,
  CONSTRAINT addresses_country FOREIGN KEY (country_code) REFERENCES countries (code)
);

-- A string key in a binary collation: case, spaces, quotes and emoji tell rows apart.
CREATE TABLE coupons (
  code VARCHAR(40) COLLATE utf8mb4_bin NOT NULL,
  percent TINYINT UNSIGNED DEFAULT NULL,
  valid_for TIME(3) DEFAULT NULL,
  ends_on DATE DEFAULT NULL,
  PRIMARY KEY (code)
);

CREATE TABLE orders (
  id BIGINT NOT NULL AUTO_INCREMENT,
  customer_id BIGINT NOT NULL,
  address_id BIGINT DEFAULT NULL,
  coupon_code VARCHAR(40) COLLATE utf8mb4_bin DEFAULT NULL,
  state ENUM('open','paid','sent','returned') NOT NULL DEFAULT 'open',
  created_at DATETIME(6) NOT NULL,
  sent_at TIMESTAMP(3) NULL DEFAULT NULL,
  delivery_window TIME DEFAULT NULL,
  remark VARCHAR(200) DEFAULT NULL,
  PRIMARY KEY (id),
  KEY customer_created (customer_id, created_at),
  KEY address_id (address_id),
  KEY coupon_code (coupon_code),
  CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id),
  CONSTRAINT orders_address FOREIGN KEY (address_id) REFERENCES addresses (id) ON DELETE SET NULL,
  CONSTRAINT orders_coupon FOREIGN KEY (coupon_code) REFERENCES coupons (code)
);

-- A composite key of two numbers; the end of the chain countries <- addresses <- orders <- order_items.
CREATE TABLE order_items (
  order_id BIGINT NOT NULL,
  line TINYINT UNSIGNED NOT NULL,
  product_id INT UNSIGNED NOT NULL,
  pieces SMALLINT NOT NULL,
  price DECIMAL(20,6) NOT NULL,
  discount FLOAT DEFAULT NULL,
  PRIMARY KEY (order_id, line),
  KEY product_id (product_id),
  CONSTRAINT items_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
  CONSTRAINT items_product FOREIGN KEY (product_id) REFERENCES products (id)
);

-- A binary key in no order of time.
CREATE TABLE payments (
  id BINARY(16) NOT NULL,
  order_id BIGINT NOT NULL,
  amount DECIMAL(20,6) NOT NULL,
  currency CHAR(3) NOT NULL DEFAULT 'EUR',
  answer VARBINARY(255) DEFAULT NULL,
  details JSON DEFAULT NULL,
  paid_at DATETIME(6) DEFAULT NULL,
  PRIMARY KEY (id),
  KEY order_id (order_id),
  CONSTRAINT payments_order FOREIGN KEY (order_id) REFERENCES orders (id)
);

CREATE TABLE reviews (
  id INT NOT NULL AUTO_INCREMENT,
  product_id INT UNSIGNED NOT NULL,
  customer_id BIGINT DEFAULT NULL,
  stars TINYINT NOT NULL,
  body MEDIUMTEXT COLLATE utf8mb4_bin,
  written_at TIMESTAMP(6) NULL DEFAULT NULL,
  reading_time TIME DEFAULT NULL,
  PRIMARY KEY (id),
  KEY product_id (product_id),
  KEY customer_id (customer_id),
  CONSTRAINT reviews_product FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE,
  CONSTRAINT reviews_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE SET NULL
) COLLATE = utf8mb4_general_ci;

-- Unsigned keys up to the largest there is.
CREATE TABLE gift_cards (
  number BIGINT UNSIGNED NOT NULL,
  amount DECIMAL(20,6) DEFAULT NULL,
  locked BIT(1) DEFAULT NULL,
  greeting VARCHAR(120) COLLATE utf8mb4_general_ci DEFAULT NULL,
  PRIMARY KEY (number)
);

-- Numbers and moments at their limits; every column but the key may be NULL, and is.
CREATE TABLE measurements (
  id INT NOT NULL AUTO_INCREMENT,
  f FLOAT DEFAULT NULL,
  f_unsigned FLOAT UNSIGNED DEFAULT NULL,
  d DOUBLE DEFAULT NULL,
  n DECIMAL(65,30) DEFAULT NULL,
  i8 TINYINT DEFAULT NULL,
  i16 SMALLINT DEFAULT NULL,
  i24 MEDIUMINT UNSIGNED DEFAULT NULL,
  i64 BIGINT DEFAULT NULL,
  u64 BIGINT UNSIGNED DEFAULT NULL,
  bits BIT(64) DEFAULT NULL,
  day DATE DEFAULT NULL,
  moment DATETIME(6) DEFAULT NULL,
  stamp TIMESTAMP(6) NULL DEFAULT NULL,
  span TIME(6) DEFAULT NULL,
  bytes VARBINARY(64) DEFAULT NULL,
  long_bytes LONGBLOB,
  document JSON DEFAULT NULL,
  PRIMARY KEY (id)
);

-- No key at all, and rows that are equal to each other in every column.
CREATE TABLE page_views (
  session CHAR(16) DEFAULT NULL,
  path VARCHAR(120) NOT NULL,
  seconds FLOAT DEFAULT NULL,
  seen_at DATETIME DEFAULT NULL,
  KEY seen_at (seen_at)
);

CREATE TABLE audit_2024 (
  id BIGINT NOT NULL AUTO_INCREMENT,
  at DATETIME(6) NOT NULL,
  who VARCHAR(60) NOT NULL,
  what JSON NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE audit_2025 LIKE audit_2024;

-- Views ---------------------------------------------------------------------------------------------------------------------

CREATE VIEW order_totals AS
  SELECT o.id, o.customer_id, o.state, o.created_at, COUNT(i.line) AS items, COALESCE(SUM(i.pieces * i.price), 0) AS total
  FROM orders o LEFT JOIN order_items i ON i.order_id = o.id
  GROUP BY o.id, o.customer_id, o.state, o.created_at;

-- A view of a view, named to sort before the one that it needs.
CREATE VIEW best_customers AS
  SELECT c.id, c.full_name, COUNT(*) AS orders, SUM(t.total) AS total
  FROM customers c JOIN order_totals t ON t.customer_id = c.id
  WHERE t.state <> 'returned'
  GROUP BY c.id, c.full_name
  HAVING SUM(t.total) > 1000;

CREATE VIEW products_on_sale AS
  SELECT p.id, p.sku, p.name, p.price_with_vat, p.brand, g.name AS category
  FROM products p JOIN categories g ON g.id = p.category_id
  WHERE p.state = 'on sale';

-- Rows ----------------------------------------------------------------------------------------------------------------------

-- Numbers to make rows of; two of them side by side count to a million. A table, as MySQL opens a temporary one only once a query.
CREATE TABLE numbers_below_1000 (n INT PRIMARY KEY);
INSERT INTO numbers_below_1000 WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 999) SELECT n FROM c;

INSERT INTO countries
  SELECT CONCAT(CHAR(65 + n DIV 8 USING utf8mb4), CHAR(65 + n * 5 % 26 USING utf8mb4)),
         CONCAT('Land ', n, IF(n % 7 = 0, ' Østerbro-Çelik', '')),
         IF(n % 9 = 4, NULL, 5 + n / 3),
         IF(n % 11 = 3, NULL, CONVERT(UNHEX(CONCAT('F09F87', HEX(0xA6 + n DIV 8), 'F09F87', HEX(0xA6 + n * 5 % 26))) USING utf8mb4))
  FROM numbers_below_1000 WHERE n < 40;

INSERT INTO categories
  SELECT n + 1, IF(n < 8, NULL, 1 + n DIV 8), CONCAT(ELT(1 + n % 5, 'Garden', 'Küche', 'Büro', 'Спорт', '玩具'), ' ', n), n * 37 % 65536
  FROM numbers_below_1000 WHERE n < @categories;

INSERT INTO suppliers
  SELECT n + 1, IF(n % 13 = 5, NULL, (SELECT code FROM countries c WHERE c.name LIKE CONCAT('Land ', n % 40, '%') ORDER BY name LIMIT 1)),
         CONCAT('Supplier ', n, IF(n % 4 = 0, ' & Söhne', '')),
         IF(n % 10 = 7, NULL, CONCAT(IF(n % 2 = 0, 'vat', 'VAT'), 100000 + n DIV 2)), IF(n % 6 = 1, NULL, 1901 + n % 255),
         IF(n % 3 = 0, NULL, IF(n % 3 = 1, '', CONCAT('line one\nline two\ttab\\ ''quote'' "', n, '"\r\n')))
  FROM numbers_below_1000 WHERE n < @suppliers;

INSERT INTO products (id, sku, category_id, supplier_id, name, price, weight, rating, attributes, state, labels, thumbnail, released, updated_at)
  SELECT n + 1, CONCAT(IF(n % 2 = 0, 'sku-', 'SKU-'), LPAD(n DIV 2, 8, '0')), 1 + n * 31 % @categories,
         IF(n % 17 = 3, NULL, 1 + n * 7 % @suppliers),
         CONCAT(ELT(1 + n % 6, 'Chair', 'Lampe', 'Fußball', 'Кружка', '机器人', 'Teddy 🧸'), ' ', n),
         ((CRC32(CONCAT('price', n)) % 100000000) + 1) / 1000000 * IF(n % 100 = 99, 1000, 1),
         IF(n % 19 = 0, NULL, ELT(1 + n % 4, 16777216, 123456.79, 0.33333334, (CRC32(n) % 100000) / 7)),
         IF(n % 23 = 0, NULL, (CRC32(CONCAT('rating', n)) % 1000003) / 200003),
         IF(n % 29 = 0, NULL, JSON_OBJECT('brand', CONCAT('Brand ', n % 50), 'colours', JSON_ARRAY('red', 'grün', NULL, n % 3 = 0),
           'size', JSON_OBJECT('w', n % 300, 'h', n / 8e0), 'note', IF(n % 5 = 0, '👍 "good"\n', NULL), 'big', 9007199254740993 + n)),
         1 + n % 4, IF(n % 31 = 0, NULL, n % 16),
         IF(n % 37 = 0, NULL, REPEAT(UNHEX(LEFT(SHA2(CONCAT('thumb', n), 256), 32)), n % 6)),
         IF(n % 41 = 0, NULL, DATE_ADD('1990-01-01', INTERVAL n * 3 % 13000 DAY)),
         IF(n % 43 = 0, NULL, DATE_ADD('2001-09-09 01:46:40', INTERVAL n * 977 % 700000000 SECOND))
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @products AND a.n <= @products DIV 1000) x;

INSERT INTO product_translations
  SELECT n DIV 2 + 1, IF(n % 2 = 0, ELT(1 + n DIV 2 % 3, 'de', 'DE', 'de-AT'), ELT(1 + n DIV 2 % 3, 'zh', 'ru', 'en')),
         CONCAT(ELT(1 + n % 6, 'Bequemer Stuhl', '舒适的椅子', 'Schöne Lampe', 'Мяч', 'Große Tasse', 'Robot 🤖🇩🇪'), ' ', n DIV 2),
         IF(n % 8 = 5, NULL, REPEAT(CONCAT('Zeile ', n, ' – ünï¢ödé 🎁. '), n % 7))
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @products * 2 AND a.n <= @products * 2 DIV 1000) x;

INSERT INTO stock
  SELECT ELT(1 + n % 2, 'BER', 'sfo'), n DIV 2 + 1, CAST(CRC32(CONCAT('stock', n)) % 20000 AS SIGNED) - 500,
         IF(n % 12 = 0, NULL, DATE_ADD('2023-03-26 02:30:00', INTERVAL n * 61 SECOND)), IF(n % 15 = 0, NULL, UNHEX(LPAD(HEX(n), 8, '0')))
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @products AND a.n <= @products DIV 1000) x;

INSERT INTO customers (id, email, first_name, last_name, nickname, password_hash, birth_year, permissions, newsletter, points, balance, created_at)
  SELECT n + 1, CONCAT('customer', n, '@example.', ELT(1 + n % 3, 'com', 'org', 'net')),
         ELT(1 + n % 8, 'Anna', 'José', 'Zoë', 'Мария', '伟', 'Ahmed', 'O''Neil', 'Ünal'),
         IF(n % 21 = 0, NULL, CONCAT(ELT(1 + n % 5, 'Müller', 'Smith', 'García', 'Иванова', '王'), '-', n % 1000)),
         IF(n % 3 = 0, NULL, CONCAT(ELT(1 + n % 4, '😀', 'Ace', '🦊', ' lead'), n)),
         IF(n % 25 = 0, NULL, UNHEX(SHA2(CONCAT('password', n), 256))), IF(n % 14 = 0, NULL, 1930 + n % 80), n % 4096,
         IF(n % 5 = 0, NULL, n % 2), IF(n % 1000 = 0, 18446744073709551615 - n, CRC32(CONCAT('points', n))),
         IF(n % 7 = 0, NULL, IF(n % 1000 = 1, -9223372036854775808, CAST(CRC32(CONCAT('balance', n)) AS SIGNED) - 2147483648)),
         DATE_ADD('2015-01-01', INTERVAL n * 9973 * 1000003 + n MICROSECOND)
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @customers AND a.n <= @customers DIV 1000) x;

INSERT INTO addresses
  SELECT n + 1, 1 + n % @customers, CONCAT(CHAR(65 + n % 40 DIV 8 USING utf8mb4), CHAR(65 + n % 40 * 5 % 26 USING utf8mb4)),
         CONCAT(ELT(1 + n % 4, 'Hauptstraße ', 'Main St. #', 'Rue de l''Église ', '中山路 '), n % 300),
         ELT(1 + n % 6, 'Zürich', 'São Paulo', 'Москва', '上海', 'Springfield', 'Aarhus'), IF(n % 9 = 0, NULL, LPAD(n * 17 % 100000, 5, '0')),
         IF(n % 16 = 0, NULL, (CRC32(CONCAT('lat', n)) % 180000000) / 1000000.0 - 90), IF(n % 16 = 0, NULL, (CRC32(CONCAT('lon', n)) % 360000000) / 1e6 - 180)
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @addresses AND a.n <= @addresses DIV 1000) x;

INSERT INTO coupons
  SELECT CASE n % 8 WHEN 0 THEN CONCAT('SAVE', n DIV 8) WHEN 1 THEN CONCAT('save', n DIV 8) WHEN 2 THEN CONCAT('Save ', n DIV 8)
           WHEN 3 THEN CONCAT(' save', n DIV 8) WHEN 4 THEN CONCAT('🎉', n DIV 8) WHEN 5 THEN CONCAT('SAVE', n DIV 8, '\t')
           WHEN 6 THEN CONCAT('it''s "', n DIV 8, '" \\ `;`') ELSE CONCAT('sävé', n DIV 8) END,
         IF(n % 6 = 0, NULL, n % 101), IF(n % 5 = 0, NULL, SEC_TO_TIME(n * 7919 % 6000000 / 2 - 1500000 + n % 1000 / 1000)),
         IF(n % 4 = 0, NULL, DATE_ADD('2024-02-28', INTERVAL n DAY))
  FROM numbers_below_1000 WHERE n < @coupons;

INSERT INTO orders
  SELECT n + 1, 1 + n * 13 % @customers, IF(n % 18 = 0, NULL, 1 + n * 11 % @addresses),
         IF(n % 5 <> 0, NULL, IF(n % 10 = 0, CONCAT('SAVE', n DIV 10 % (@coupons DIV 8)), CONCAT('🎉', n DIV 10 % (@coupons DIV 8)))), 1 + n % 4,
         DATE_ADD('2018-01-01', INTERVAL n * 4001 * 1000003 MICROSECOND),
         IF(n % 4 < 2, NULL, DATE_ADD('2018-01-03', INTERVAL n * 4001 * 1000037 MICROSECOND)),
         IF(n % 6 = 0, NULL, SEC_TO_TIME(n % 86400)), IF(n % 3 <> 0, NULL, ELT(1 + n % 4, '', 'bitte klingeln 🔔', 'leave at #5; don''t ring', '请放门口'))
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @orders AND a.n <= @orders DIV 1000) x;

INSERT INTO order_items
  SELECT x.n + 1, l.n + 1, 1 + (x.n * 7 + l.n * 3001) % @products, 1 + (x.n + l.n) % 9, ((CRC32(CONCAT(x.n, '.', l.n)) % 100000000) + 1) / 1000000,
         IF(x.n % 5 = 0, (CRC32(CONCAT(x.n, '%', l.n)) % 10000) / 9999, NULL)
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @orders AND a.n <= @orders DIV 1000) x
  STRAIGHT_JOIN numbers_below_1000 l ON l.n <= x.n * 7 % 4;

-- `fee` is a DECIMAL inside a JSON document: MySQL keeps its trailing zeros in the text, and no text that is loaded brings them back.
INSERT INTO payments
  SELECT UNHEX(LEFT(SHA2(CONCAT('payment', n), 256), 32)), n * 2 + 1, ((CRC32(CONCAT('amount', n)) % 1000000000) + 1) / 1000000, ELT(1 + n % 3, 'EUR', 'USD', 'CNY'),
         IF(n % 4 = 0, NULL, CONCAT(UNHEX('00FF270A5C1A22'), UNHEX(LEFT(SHA2(n, 256), 32)))),
         IF(n % 6 = 0, NULL, JSON_OBJECT('method', ELT(1 + n % 2, 'card', 'invoice'), 'tries', n % 3, 'fee', n / 1000, 'ok', n % 2 = 0)),
         IF(n % 10 = 0, NULL, DATE_ADD('2018-01-02', INTERVAL n * 8002 * 1000003 MICROSECOND))
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @orders DIV 2 AND a.n <= @orders DIV 2000) x;

INSERT INTO reviews
  SELECT n + 1, 1 + n * 3 % @products, IF(n % 8 = 0, NULL, 1 + n * 5 % @customers), 1 + n % 5,
         IF(n % 9 = 0, NULL, REPEAT(ELT(1 + n % 5, 'Great! 😍 ', 'Naja… ', 'не очень ', '很好👍🏽 ', 'O''Brien said "wow" \\o/\n'), 1 + n % 12)),
         IF(n % 7 = 0, NULL, DATE_ADD('2019-10-27 00:59:59.5', INTERVAL n * 1801 * 1000003 MICROSECOND)), IF(n % 5 = 0, NULL, SEC_TO_TIME(n % 600))
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @products DIV 2 AND a.n <= @products DIV 2000) x;

INSERT INTO gift_cards
  SELECT IF(n % 2 = 0, n * 1000003, 18446744073709551615 - n DIV 2), IF(n % 5 = 0, NULL, n * 5), IF(n % 7 = 0, NULL, n % 2),
         IF(n % 4 = 0, NULL, CONCAT(ELT(1 + n % 3, 'Alles Gute 🎂', 'Happy New Year 🎆', 'Поздравляю'), ' ', n))
  FROM numbers_below_1000 WHERE n < @gift_cards;

INSERT INTO measurements VALUES
  (1, 16777216, 16777217, 9007199254740993, 12345678901234567890123456789012345.123456789012345678901234567890, -128, -32768, 16777215,
   -9223372036854775808, 18446744073709551615, b'1111111111111111111111111111111111111111111111111111111111111111', '1000-01-01',
   '1000-01-01 00:00:00.000000', '1970-01-01 00:00:01.000000', '-838:59:59.000000', x'', x'00', 'null'),
  (2, 123456.79, 0.33333334, 0.1, -0.000000000000000000000000000001, 127, 32767, 0, 9223372036854775807, 0, b'0', '9999-12-31',
   '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999', '838:59:59.000000', x'00FF0D0A1A5C2722', REPEAT(x'DEADBEEF00', 5000),
   '{"": [], "a": {"b": [1, -1, 1.5, 1e100, true, false, null, "\\u0000 \\" \\\\ 😀"]}, "u": 18446744073709551615}'),
  (3, -3.4028234e38, 3.4028234e38, 1.7976931348623157e308, 0, 0, 0, 1, -1, 9223372036854775808,
   b'1000000000000000000000000000000000000000000000000000000000000000', '2024-02-29', '2024-02-29 12:00:00.000001',
   '2023-03-26 01:30:00.000000', '-00:00:00.000001', x'27', x'', '[]'),
  (4, 1.17549435e-38, 1e-7, -2.2250738585072014e-308, 0.1, -1, 255, 65536, 4294967296, 4294967295, b'101', '1999-12-31',
   '1969-12-31 23:59:59.999999', '2001-02-03 04:05:06.700000', '00:00:00.500000', REPEAT('x', 64), REPEAT('Ω', 9), '"text"'),
  (5, 0, 0, 0, 1, 1, 1, 2, 2, 3, b'1', '2000-01-01', '2000-01-01', '2000-01-01 00:00:00', '00:00:00', x'80', x'80', '{}'),
  (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO measurements (id, f, d, n, i64, moment, bytes)
  SELECT n + 7, IF(n % 10 = 0, NULL, (CRC32(n) % 16777213) / POW(10, n % 9)), IF(n % 11 = 0, NULL, CRC32(CONCAT('d', n)) / POW(7, n % 20)),
         IF(n % 12 = 0, NULL, CRC32(CONCAT('n', n)) / 7), IF(n % 13 = 0, NULL, CAST(CRC32(n) AS SIGNED) * -2147483647),
         DATE_ADD('1999-12-31 23:59:59', INTERVAL n * 7919 MICROSECOND), UNHEX(SHA2(n, 224))
  FROM numbers_below_1000 WHERE n < @measurements;

-- Every row comes up to four times.
INSERT INTO page_views
  SELECT IF(n DIV 4 % 9 = 0, NULL, LEFT(SHA2(CONCAT('session', n DIV 4 % 500), 256), 16)), CONCAT('/p/', n DIV 4 % 97, IF(n DIV 4 % 5 = 0, '?q=größe&x=1', '')),
         IF(n DIV 4 % 6 = 0, NULL, (n DIV 4 % 1000) / 3), IF(n DIV 4 % 8 = 0, NULL, DATE_ADD('2024-06-01', INTERVAL n DIV 4 * 7 SECOND))
  FROM (SELECT a.n * 1000 + b.n AS n FROM numbers_below_1000 a STRAIGHT_JOIN numbers_below_1000 b WHERE a.n * 1000 + b.n < @page_views AND a.n <= @page_views DIV 1000) x;

INSERT INTO audit_2024
  SELECT n + 1, DATE_ADD('2024-01-01', INTERVAL n HOUR), CONCAT('clerk', n % 20), JSON_OBJECT('action', ELT(1 + n % 3, 'login', 'edit', 'delete'), 'row', n)
  FROM numbers_below_1000 WHERE n < @audit;
INSERT INTO audit_2025
  SELECT id, DATE_ADD(at, INTERVAL 1 YEAR), who, what FROM audit_2024;

DROP TABLE numbers_below_1000;
SET foreign_key_checks = 1, unique_checks = 1;
ANALYZE TABLE categories, suppliers, products, product_translations, stock, customers, addresses, coupons, orders, order_items, payments, reviews,
  gift_cards, measurements, page_views;
