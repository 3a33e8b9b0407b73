<?php
// json.php - what json.c does.
$order = json_decode(file_get_contents("php://input"), true);
$total = 0;
foreach ($order["items"] as $item)
	$total += $item["count"] * $item["price"];
header("Content-Type: application/json");
echo json_encode(["name" => $order["name"], "total" => $total, "items" => $order["items"]]);
